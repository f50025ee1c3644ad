/** Ten upgrades in a row under the load that users of many servers have: nothing is refused, reset, cut or failed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { SteadyClients } from '../support/steady-clients.ts'
import { steadyOrigin } from '../support/steady-origin.ts'
import { ended, isRunning, onLinux, upgrade } from '../support/upgraded.ts'

test('ten upgrades under 50 clients with new connections, 200 kept ones and 200 tunnels', onLinux, async (t) => {
  const server = await steadyOrigin(t)
  const limpet = await startLimpet(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    accessLog: off
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${server}] } }
  `,
  )
  const place = { host: '127.0.0.1', port: limpet.port }
  const clients = new SteadyClients(t, place).fresh(50).kept(200).tunnels(200)
  let pid = 0
  for (let turn = 0; turn < 10; turn++) {
    await clients.answers(2000)
    pid = await upgrade(t, limpet)
  }
  await clients.answers(5000)
  assert.ok(isRunning(limpet.process.pid!), 'tunnels go on')
  assert.deepEqual((await clients.stop()).failures, [])
  // Its last connection is gone.
  assert.equal(await limpet.exit, 0)
  process.kill(pid, 'SIGTERM')
  await ended(pid)
})
