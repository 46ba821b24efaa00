module ess.example/go-gate

go 1.24
