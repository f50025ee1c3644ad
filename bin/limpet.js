#!/usr/bin/env node
// Plain JavaScript, so that an old Node can run this file and report that it is too old.
import './signals.js'
import { existsSync } from 'node:fs'
import { keepCompiledCode } from './compile-cache.js'

const source = new URL('../src/cli.ts', import.meta.url)
const isCheckout = existsSync(source)
if (isCheckout && !existsSync(new URL('../node_modules', import.meta.url))) {
  console.error('limpet: the dependencies of this checkout are not installed; run npm ci, npm start or npm test.')
  process.exit(1)
}
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`limpet: needs Node.js 22.18 or newer; this is ${process.versions.node}.`)
  console.error('In a checkout, npm start, npm test and npx limpet use their own Node.js.')
  process.exit(1)
}
keepCompiledCode()
// A checkout runs from source; the published package contains the compiled JavaScript.
await import(isCheckout ? source : new URL('../dist/src/cli.js', import.meta.url))
