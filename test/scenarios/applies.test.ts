/** What has changed, what would change, and how old sessions are. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { Applies, SessionNumbers } from '../../src/admin/answers.ts'
import { Plan } from '../../src/admin/planning.ts'
import { adminClient } from '../support/admin-client.ts'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { namedOrigin, type Origin } from '../support/origin.ts'
import { User } from '../support/user.ts'

const twoServers = (a: Origin, b: Origin, weight = 1) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  admin: { port: 0 }
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      affinity: { type: cookie, secrets: [a secret that nobody may see] }
      servers: [{ name: a, address: ${a.address}, weight: ${weight} }, { name: b, address: ${b.address} }]
`

async function running(t: TestContext) {
  const [a, b] = [await namedOrigin(t, 'a'), await namedOrigin(t, 'b')]
  const limpet = await startLimpet(t, twoServers(a, b))
  return { a, b, limpet, client: await adminClient(limpet) }
}

const onServer = (server: string) => ({ params: { path: { upstream: 'app', server } } })
const serverPath = '/v1/upstreams/{upstream}/servers/{server}'

async function sessionsOf(limpet: Limpet, count: number): Promise<User[]> {
  const users = Array.from({ length: count }, () => new User())
  for (const user of users) await user.get(limpet.port)
  return users
}

test('each configuration that came into effect is kept: who asked for it, what changed, and the difference', async (t) => {
  const { a, b, limpet, client } = await running(t)
  assert.deepEqual((await client.GET('/v1/applies')).data, { applies: [] })
  await client.PATCH(serverPath, { ...onServer('a'), body: { weight: 3 } })
  await client.PATCH(serverPath, { ...onServer('a'), body: { weight: -3 } })
  await client.PUT(serverPath, { ...onServer('c'), body: { address: '127.0.0.1:1' } })
  await writeFile(limpet.file, twoServers(a, b, 5).replace('nobody may see', 'is another one by now'))
  limpet.process.kill('SIGHUP')
  await limpet.errors.find(/generation 4/)
  const { applies } = Applies.parse((await client.GET('/v1/applies')).data)
  const [reload, added, changed] = applies
  assert.deepEqual(
    applies.map(({ generation, by }) => [generation, by]),
    [
      [4, null],
      [3, 'put app/c, by admin-token'],
      [2, 'change app/a, by admin-token'],
    ],
  )
  assert.deepEqual(changed!.changes, ['upstream app: server a: weight 1 → 3'])
  assert.match(
    changed!.diff!,
    /^--- generation 1\n\+\+\+ generation 2\n@@ .* @@\n(?: .*\n)+- {8}weight: 1\n\+ {8}weight: 3\n(?: .*\n)+$/,
  )
  assert.match(added!.diff!, /\n\+ {6}- name: c\n\+ {8}address: 127\.0\.0\.1:1\n/)
  assert.ok(reload!.changes.some((change) => change.includes('affinity.secrets changed')))
  assert.ok(!JSON.stringify(applies).match(/nobody may see|is another one by now/))
  assert.ok(applies.every(({ at }) => Math.abs(Date.parse(at) - Date.now()) < 60_000))
  const { data: config } = await client.GET('/v1/status')
  assert.equal(reload!.revision, config!.revision)
})

test('the plan of a server says which sessions would move, and changes nothing', async (t) => {
  const { limpet, client } = await running(t)
  await sessionsOf(limpet, 6)
  const before = (await client.GET('/v1/status')).data!
  const planned = async (body: {
    admin?: 'ready' | 'drain' | 'maintenance'
    then?: 'move' | 'refuse' | 'keep'
    weight?: number
  }) => {
    const { data } = await client.POST('/v1/upstreams/{upstream}/servers/{server}/plan', { ...onServer('a'), body })
    const { changes, sessions } = Plan.parse(data)
    return { changes: changes.length, ...sessions }
  }
  const all = { live: 6, stay: 6, move: 0, refused: 0, unserved: 0 }
  assert.deepEqual(await planned({}), { changes: 0, ...all })
  assert.deepEqual(await planned({ weight: 9 }), { changes: 1, ...all })
  assert.deepEqual(await planned({ admin: 'drain' }), { changes: 1, ...all })
  // biome-ignore lint/suspicious/noThenProperty: it is data, and nobody awaits it.
  assert.deepEqual(await planned({ admin: 'drain', then: 'move' }), { changes: 2, ...all, stay: 3, move: 3 })
  // biome-ignore lint/suspicious/noThenProperty: it is data, and nobody awaits it.
  assert.deepEqual(await planned({ admin: 'drain', then: 'refuse' }), { changes: 2, ...all, stay: 3, refused: 3 })
  assert.deepEqual(await planned({ admin: 'maintenance' }), { changes: 1, ...all, stay: 3, move: 3 })
  const after = (await client.GET('/v1/status')).data!
  assert.deepEqual([after.generation, after.revision], [before.generation, before.revision])
})

test('the plan of a change that would be refused is refused; one that leaves no server says so', async (t) => {
  const { limpet, client } = await running(t)
  await sessionsOf(limpet, 4)
  const plan = '/v1/upstreams/{upstream}/servers/{server}/plan'
  const wrong = await client.POST(plan, { ...onServer('a'), body: { weight: -1 } })
  assert.deepEqual([wrong.response.status, wrong.error!.type], [400, '/problems/invalid'])
  const missing = await client.POST(plan, { ...onServer('z'), body: { weight: 1 } })
  assert.equal(missing.response.status, 404)
  await client.PATCH(serverPath, { ...onServer('b'), body: { admin: 'maintenance' } })
  const { data } = await client.POST(plan, { ...onServer('a'), body: { admin: 'maintenance' } })
  assert.equal(data!.sessions.unserved, 4)
})

test('sessions are counted by how long ago they began', async (t) => {
  const { limpet, client } = await running(t)
  await sessionsOf(limpet, 5)
  const [app] = SessionNumbers.parse((await client.GET('/v1/sessions')).data).upstreams
  assert.deepEqual(
    app!.ages.map(({ upTo }) => upTo),
    [60, 300, 900, 3600, 14_400, 86_400, 604_800, null],
  )
  assert.deepEqual(
    app!.ages.map(({ live }) => live),
    [5, 0, 0, 0, 0, 0, 0, 0],
  )
})
