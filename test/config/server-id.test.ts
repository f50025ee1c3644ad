/** A server's id is its identity: whatever it is called, its sessions, counters and turns are its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import { printConfig } from '../../src/config/print.ts'

const RENAMED = `
routes: [{ path: /*, upstream: app }]
upstreams:
  app:
    affinity: cookie
    servers: [{ name: blue, id: web-1, address: "10.0.0.1:80" }, "10.0.0.2:80"]
`

test('a server is known by its id, which is its name by default', () => {
  const config = parseConfig(RENAMED, 'limpet.yaml', {})
  const [blue, other] = config.upstreams[0]!.servers
  assert.deepEqual([blue!.id, blue!.name], ['web-1', 'blue'])
  assert.deepEqual([other!.id, other!.name], ['10.0.0.2:80', '10.0.0.2:80'])
  assert.deepEqual(parseConfig(printConfig(config, ''), 'printed', {}), config)
})

test('two servers of one id are refused, with both places', () => {
  const text = RENAMED.replace('"10.0.0.2:80"]', '{ name: web-1, address: "10.0.0.2:80" }]')
  assert.throws(() => parseConfig(text, 'limpet.yaml', {}), /servers\[1\].*expected a unique id, found "web-1" again/)
})
