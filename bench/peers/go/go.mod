module taut/bench/peers

go 1.19
