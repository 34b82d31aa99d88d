// SPDX-License-Identifier: Apache-2.0
// HTTP/2 from Go's net/http: h2call URL BODY_FILE prints one line of JSON.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
)

func main() {
	body, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	request, _ := http.NewRequest("POST", os.Args[1], bytes.NewReader(body))
	request.Header.Set("content-type", "application/json")
	request.Header.Set("authorization", "Bearer test")
	result := map[string]any{}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		result["error"] = err.Error()
	} else {
		text, failed := io.ReadAll(answer.Body)
		result["status"], result["version"], result["body"], result["headers"] = answer.StatusCode, answer.Proto, string(text), answer.Header
		if failed != nil {
			result["error"] = failed.Error()
		}
	}
	json.NewEncoder(os.Stdout).Encode(result)
}
