/** Whether a port or a Unix socket is free, which is found out without taking a client's connection. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { freePort } from '../../bench/free-port.ts'
import { assertFree } from '../../src/control/workers/vacancy.ts'
import type { Listener } from '../../src/runtime/snapshot.ts'
import { temporaryFolder } from '../support/folder.ts'

/** A thread that connects to a place as often as it can, and counts how often it was let in: a reset is the end of that. */
const knocker = `
  const { connect } = require('node:net')
  const { parentPort, workerData: place } = require('node:worker_threads')
  const counts = { refused: 0, letIn: 0 }
  let isOver = false
  parentPort.once('message', () => { isOver = true })
  const knock = () => {
    if (isOver) return parentPort.postMessage(counts)
    const socket = connect(place)
    socket.once('connect', () => { counts.letIn++; socket.destroy() })
    socket.once('error', ({ code }) => { counts[code === 'ECONNREFUSED' || code === 'ENOENT' ? 'refused' : 'letIn']++ })
    socket.once('close', knock)
  }
  knock()
`

const listenerAt = (place: object) => ({ proxyProtocol: false, ...place }) as unknown as Listener

/** How it is made, by what it is. */
const places = {
  port: async () => ({ host: '127.0.0.1', port: await freePort() }),
  'Unix socket': async (folder: string) => ({ path: join(folder, 'socket') }),
} as const

describe('a place to listen on', () => {
  for (const [kind, make] of Object.entries(places)) {
    test(`that is free, a ${kind}, is tried without a client being let in that nobody would serve`, async (t) => {
      const place = await make(await temporaryFolder(t))
      const listener = listenerAt('path' in place ? place : { address: place.host, port: place.port })
      const client = new Worker(knocker, { eval: true, workerData: place })
      await once(client, 'online')
      const until = performance.now() + 500
      for (let tries = 0; tries < 300 || performance.now() < until; tries++) await assertFree(listener)
      client.postMessage('end')
      const [{ refused, letIn }] = await once(client, 'message')
      assert.ok(refused > 0)
      assert.equal(letIn, 0)
      assert.ok(!('path' in place && existsSync(place.path)))
    })

    test(`on which another program listens, a ${kind}, is not free`, async (t) => {
      const place = await make(await temporaryFolder(t))
      const listener = listenerAt('path' in place ? place : { address: place.host, port: place.port })
      const other = createServer().listen({ ...place, reusePort: !('path' in place) })
      t.after(() => other.close())
      await once(other, 'listening')
      await assert.rejects(assertFree(listener), { name: 'ListenError', message: /: another program listens there/ })
    })
  }

  test('that this machine does not have is reported', async () => {
    const at = (address: string) => assertFree(listenerAt({ address, port: 80 }))
    await assert.rejects(at('192.0.2.1'), { name: 'ListenError', message: /this machine has no such address/ })
    await assert.rejects(at('nowhere.invalid'), { name: 'ListenError', message: /that name has no address/ })
    const listener = listenerAt({ path: '/nowhere/socket' })
    await assert.rejects(assertFree(listener), { name: 'ListenError', message: /there is no such directory/ })
  })
})
