//! Small solids over numbers: together they show every kind of input and output that a solid can have.

mod arithmetic;
mod fan_out;
mod faults;
mod outputs;
mod time;

pub use arithmetic::{add, echo, multiply_by_two, multiply_inputs, num_range, sum_numbers};
pub use fan_out::{dynamic_add, dynamic_echo, emit, emit_shares, emit_ten};
pub use faults::{fail_on, flaky};
pub use outputs::{fork_logic, multiout, observe_key, pad, say};
pub use time::{emit_slowly, sleep};

fanfold_sdk::plugin!(
    num_range,
    emit,
    emit_ten,
    emit_shares,
    echo,
    add,
    multiply_by_two,
    multiply_inputs,
    sum_numbers,
    dynamic_echo,
    dynamic_add,
    fork_logic,
    multiout,
    observe_key,
    pad,
    say,
    fail_on,
    flaky,
    sleep,
    emit_slowly,
);
