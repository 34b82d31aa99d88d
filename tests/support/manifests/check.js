// SPDX-License-Identifier: Apache-2.0
// check.js NODE_MODULES FILE...: one line of JSON per document of the manifests: {file, kind, name, error}.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');

const [modules, ...files] = process.argv.slice(2);
const load = createRequire(path.resolve(modules) + '/');
const yaml = load('yaml');

function model(document) {
  const [group, version] = document.apiVersion.includes('/') ? document.apiVersion.split('/') : ['', document.apiVersion];
  return load(`kubernetes-models/${group ? `${group}/${version}` : version}/${document.kind}`)[document.kind];
}

for (const file of files) {
  for (const document of yaml.parseAllDocuments(fs.readFileSync(file, 'utf8'))) {
    const value = document.toJS();
    let error = null;
    try {
      const Model = model(value);
      new Model(value).validate();
    } catch (problem) {
      error = problem.message;
    }
    console.log(JSON.stringify({ file: path.basename(file), kind: value.kind, name: value.metadata?.name, error, value }));
  }
}
