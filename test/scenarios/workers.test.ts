/** How workers divide Unix sockets among them, and how a worker that dies is replaced. */
import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { test } from 'node:test'
import type { PortListener } from '../../src/runtime/snapshot.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { replace, startBalancer } from '../support/terminable-balancer.ts'
import { getFrom } from '../support/unix-client.ts'
import { User } from '../support/user.ts'

test('a worker that dies is replaced, and the log says why', async (t) => {
  const { address } = await httpOrigin(t, (_request, response) => response.end('here'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    routes: [{ path: /*, upstream: one }]
    upstreams: { one: { servers: [${address}] } }
    accessLog: off
  `
  const { balancer, workers, messages } = await startBalancer(t, config)
  const [{ port }] = balancer.listeners as [PortListener]
  assert.equal((await new User().get(port)).body, 'here')
  await replace(workers[0]!)
  assert.equal((await new User().get(port)).body, 'here')
  assert.deepEqual(messages, ['worker 0 died and is replaced: it ended unexpectedly'])
})

test('a worker that dies is replaced by one that listens on its Unix sockets', async (t) => {
  const folder = await temporaryFolder(t)
  const { address } = await httpOrigin(t, (_request, response) => response.end('here'))
  const config = `
    listeners:
      - { address: 127.0.0.1, port: 0 }
      - { address: unix:${folder}/limpet.sock }
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${address}] } }
    stateDirectory: ${folder}
    accessLog: off
  `
  const { workers } = await startBalancer(t, config)
  t.after(() => assert.ok(!existsSync(`${folder}/limpet.sock`)))
  await replace(workers[0]!)
  assert.equal(await getFrom(`${folder}/limpet.sock`), 'here')
  assert.equal(statSync(`${folder}/limpet.sock`).mode & 0o777, 0o660)
})

test('Unix sockets are divided among the workers, in turn', async (t) => {
  const folder = await temporaryFolder(t)
  const { address } = await httpOrigin(t, (_request, response) => response.end('here'))
  const config = `
    listeners:
      - { address: 127.0.0.1, port: 0 }
      - { address: unix:${folder}/1.sock }
      - { address: unix:${folder}/2.sock }
      - { address: unix:${folder}/3.sock }
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${address}] } }
  `
  const limpet = await startLimpet(t, config)
  for (const name of ['1', '2', '3']) assert.equal(await getFrom(`${folder}/${name}.sock`), 'here')
  assert.equal((await fetch(limpet.url)).status, 200)
})
