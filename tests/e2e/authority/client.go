// SPDX-License-Identifier: Apache-2.0
// client ROOT NAME PORT: exit 0 when the TLS handshake with 127.0.0.1:PORT verifies for NAME, 1 when it is refused.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

func main() {
	pem, err := os.ReadFile(os.Args[1])
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		os.Exit(2)
	}
	config := &tls.Config{RootCAs: roots, ServerName: os.Args[2]}
	connection, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[3], config)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	connection.Close()
}
