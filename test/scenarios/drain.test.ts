/** A server that drains keeps its users, and gets no new ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { temporaryFolder } from '../support/folder.ts'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { namedOrigins } from '../support/origin.ts'
import { assertAllKept, settledUsers } from '../support/settled.ts'
import { User } from '../support/user.ts'

test('users with a cookie stay on the server that drains, and no others come to it', async (t) => {
  const { a, b, c } = await namedOrigins(t, 'a', 'b', 'c')
  const config = (drain: boolean) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, name: stick, secrets: [the same secret in every replica] }
        servers:
          - { name: a, address: ${a.address}, drain: ${drain} }
          - { name: b, address: ${b.address} }
          - { name: c, address: ${c.address} }
  `
  const users = await settledUsers(await startLimpet(t, config(false)), 30)
  const limpet = await startLimpet(t, config(true))
  await assertAllKept(users, limpet)
  for (const server of (await settledUsers(limpet, 20)).values()) assert.notEqual(server, 'a')
})

test('keys that the server that drains has seen stay, over a restart too, and no others come to it', async (t) => {
  const { a, b, c } = await namedOrigins(t, 'a', 'b', 'c')
  const stateDirectory = await temporaryFolder(t)
  const config = (drain: boolean, onLost: 'move' | 'refuse') => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    stateDirectory: ${stateDirectory}
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: header, name: X-User, onLost: ${onLost} }
        servers:
          - { name: a, address: ${a.address}, drain: ${drain} }
          - { name: b, address: ${b.address} }
          - { name: c, address: ${c.address} }
  `
  const homeOf = async ({ port }: Limpet, user: number) =>
    (await new User().get(port, '/', { 'X-User': `user ${user}` })).body.split(' ')[0]!
  const before = await startLimpet(t, config(false, 'move'))
  const homes: string[] = []
  for (let user = 0; user < 30; user++) homes.push(await homeOf(before, user))
  assert.equal(new Set(homes).size, 3)
  before.process.kill('SIGTERM')
  await before.exit
  const limpet = await startLimpet(t, config(true, 'move'))
  await limpet.errors.find(/30 sessions? restored/)
  for (const [user, home] of homes.entries()) assert.equal(await homeOf(limpet, user), home)
  for (let user = 100; user < 130; user++) assert.notEqual(await homeOf(limpet, user), 'a')
  await limpet.log.find(/ moved:drained$/)
  limpet.process.kill('SIGTERM')
  await limpet.exit
  // A user who never was there has lost nothing, and is not refused.
  const strict = await startLimpet(t, config(true, 'refuse'))
  for (const [user, home] of homes.entries()) assert.equal(await homeOf(strict, user), home)
  for (let user = 200; user < 230; user++) assert.match(await homeOf(strict, user), /^[bc]$/)
  await strict.log.find(/ moved:drained$/)
})
