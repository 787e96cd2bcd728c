use fanfold_sdk::prelude::*;

#[derive(Deserialize)]
struct Order {
    amount: u32,
}

#[derive(Serialize)]
struct Receipt {
    total: u32,
}

#[solid]
fn pay(order: Order) -> Receipt {
    Receipt { total: order.amount }
}

fn main() {}
