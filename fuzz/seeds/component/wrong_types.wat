(component
  (core module $m (func (export "f") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func $f (result u32) (canon lift (core func $i "f")))
  (instance $solids (export "describe" (func $f)) (export "execute" (func $f)))
  (export "fanfold:plugin/solids@0.1.0" (instance $solids)))
