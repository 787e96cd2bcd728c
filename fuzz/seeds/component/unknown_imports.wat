(component
  (import "other:thing/door@1.0.0" (instance (export "knock" (func))))
  (import "wasi:sockets/tcp@0.2.0" (instance (type (sub resource))))
  (instance $solids)
  (export "fanfold:plugin/solids@0.1.0" (instance $solids)))
