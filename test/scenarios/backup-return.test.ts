/** Users who got a session on a backup while no other server could serve, and what becomes of them once one can. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { adminOf } from '../support/admin.ts'
import { Http2User } from '../support/http2-user.ts'
import { startLimpet } from '../support/limpet.ts'
import { type Named, namedOrigins } from '../support/origin.ts'
import { User } from '../support/user.ts'

const config = ({ a, spare }: Named<'a' | 'spare'>, onBackup: string) => `
  listeners: [{ address: 127.0.0.1, port: 0, h2c: true }]
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: cookie, name: stick${onBackup} }
      servers:
        - { name: a, address: ${a.address} }
        - { name: spare, address: ${spare.address}, backup: true }
`

async function start(t: TestContext, onBackup: string) {
  const servers = await namedOrigins(t, 'a', 'spare')
  const limpet = await startLimpet(t, config(servers, onBackup))
  const ask = await adminOf(limpet)
  const setA = async (admin: 'ready' | 'maintenance') => {
    const { status, body } = await ask('PATCH', '/v1/upstreams/app/servers/a', { admin })
    assert.equal(status, 200, JSON.stringify(body))
  }
  await setA('maintenance')
  return { limpet, setA, ask }
}

const serverOf = async (user: User, { port }: { port: number }) => (await user.get(port)).body.split(' ')[0]

describe('a session on a backup', () => {
  test('stays there by default', async (t) => {
    const { limpet, setA } = await start(t, '')
    const user = new User()
    assert.equal(await serverOf(user, limpet), 'spare')
    await setA('ready')
    assert.equal(await serverOf(user, limpet), 'spare')
    assert.equal(await serverOf(new User(), limpet), 'a')
    await limpet.log.matching(/ stuck$/, 1)
  })

  test('returns with onBackup: return, by both protocols, is counted, and planned and explained before', async (t) => {
    const { limpet, setA, ask } = await start(t, ', onBackup: return')
    const user = new User()
    assert.equal(await serverOf(user, limpet), 'spare')
    const client = Http2User.of(t, limpet.url)
    const first = await client.ask()
    assert.match(first.body, /^spare/)
    const [cookie] = String(first.fields['set-cookie']).split(';')
    assert.match((await client.ask({ cookie: cookie! })).body, /^spare/)
    await setA('ready')
    const explained = await ask('POST', '/v1/explain', { path: '/', cookies: { stick: user.cookies.get('stick') } })
    assert.deepEqual([explained.body.server, explained.body.reason], ['a', 'moved:backup'])
    assert.match(explained.body.session.words, /on server spare/)
    assert.equal(await serverOf(user, limpet), 'a')
    assert.equal(await serverOf(user, limpet), 'a')
    const moved = await client.ask({ cookie: cookie! })
    assert.match(moved.body, /^a/)
    const [next] = String(moved.fields['set-cookie']).split(';')
    assert.match((await client.ask({ cookie: next! })).body, /^a/)
    await limpet.log.matching(/ moved:backup$/, 2)
    await limpet.log.matching(/ stuck$/, 3)
    const metrics = (await ask('GET', '/metrics')).body as string
    assert.match(metrics, /limpet_decisions_total\{upstream="app",reason="moved:backup"\} 2$/m)
  })
})
