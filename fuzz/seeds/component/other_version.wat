(component
  (import "fanfold:plugin/events@0.2.0" (instance $events (export "is-cancelled" (func (result bool)))))
  (instance $solids)
  (export "fanfold:plugin/solids@0.2.0" (instance $solids)))
