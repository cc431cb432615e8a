package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	output := flag.String("o", "", "the `file` to write")
	tags := flag.String("tags", "", "comma-separated `list` of build tags")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: packgen -o FILE [-tags LIST] IMPORTPATH=FOLDER...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *output == "" || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	program, err := generate(strings.Split(*tags, ","), flag.Args())
	if err == nil {
		err = os.WriteFile(*output, program, 0o666)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
