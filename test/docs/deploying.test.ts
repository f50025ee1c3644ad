/** The files for systemd, logrotate and Docker agree with the program and with docs/deploying.md. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseDuration } from '../../src/config/duration.ts'
import { parseConfig } from '../../src/config/file.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const unit = read('examples/limpet.service')
const page = read('docs/deploying.md')
const { timeouts } = parseConfig('routes: [{ path: /*, upstream: a }]\nupstreams: { a: { servers: [a] } }', 'least', {})

test('supervisors wait longer for the exit than timeouts.stop', () => {
  assert.ok(parseDuration(/^TimeoutStopSec=(\w+)$/m.exec(unit)![1]!) > timeouts.stop)
  assert.ok(1000 * Number(/--stop-timeout (\d+)/.exec(page)![1]) > timeouts.stop)
})

test('the settings in docs/deploying.md are those of the unit', () => {
  const named = [...page.matchAll(/^\| `(\w+=\w+)` \|/gm)].map(([, setting]) => setting!)
  assert.ok(named.length > 0)
  for (const setting of named) assert.ok(unit.includes(`\n${setting}\n`), setting)
})

test('the volume in docs/deploying.md is the state directory of the image', () => {
  const [, place] = /STATE_DIRECTORY=(\S+)/.exec(read('Dockerfile'))!
  assert.ok(page.includes(`--volume limpet-state:${place} `))
})

test('docs/deploying.md shows the lines of the logrotate example', () => {
  const rotation = read('examples/limpet.logrotate')
  const shown = /```\n(\/var\/log[\s\S]*?)```/.exec(page)![1]!
  for (const line of shown.trimEnd().split('\n')) assert.ok(rotation.includes(`${line}\n`), line)
})
