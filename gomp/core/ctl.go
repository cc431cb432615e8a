package main

import _ "github.com/gomp-project/gomp/pybindings/ctl/export" // the control plane's C functions
