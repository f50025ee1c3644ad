/** What an operator changes in a running Limpet, through a client that is made from the API's own description. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type AdminClient, adminClient } from '../support/admin-client.ts'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

interface Stage {
  readonly limpet: Limpet
  readonly client: AdminClient
  readonly one: Origin
  readonly two: Origin
  readonly yaml: string
  /** Which servers answer so many new users in turn. */
  answers(count: number): Promise<string>
}

async function stage(t: TestContext, env: NodeJS.ProcessEnv = {}): Promise<Stage> {
  const named = (name: string) => httpOrigin(t, (_request, response) => response.end(name))
  const [one, two] = [await named('one'), await named('two')]
  const yaml = `
    instance: shop
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    admin: { port: 0 }
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        affinity: { type: cookie, secrets: [a secret that is shown nowhere] }
        servers: [{ name: web-1, address: "${one.address}" }]
  `
  const limpet = await startLimpet(t, yaml, { env })
  const answers = async (count: number) => {
    const texts = []
    for (let user = 0; user < count; user++) texts.push(await (await fetch(limpet.url)).text())
    return texts.join(' ')
  }
  return { limpet, client: await adminClient(limpet), one, two, yaml, answers }
}

const app = { upstream: 'app' }
const web1 = { ...app, server: 'web-1' }
const web2 = { ...app, server: 'web-2' }

describe('a server', () => {
  test('is added, weighs, is renamed, drains and goes', async (t) => {
    const { client, two, answers } = await stage(t)
    const path = '/v1/upstreams/{upstream}/servers/{server}'
    const body = { address: two.address }
    const added = await client.PUT(path, { params: { path: web2 }, body })
    assert.deepEqual([added.response.status, added.data?.generation], [201, 2])
    assert.equal(added.data?.changes.length, 1)
    assert.match(added.data.changes[0]!, /web-2 added/)
    assert.deepEqual((await answers(2)).split(' ').toSorted(), ['one', 'two'])

    const again = await client.PUT(path, { params: { path: web2 }, body })
    assert.deepEqual([again.response.status, again.data?.changes, again.data?.generation], [200, [], 2])

    const weighed = await client.PATCH(path, { params: { path: web2 }, body: { weight: 3 } })
    assert.match(weighed.data!.changes.join(), /web-2.* 1 → 3/)
    assert.equal((await answers(4)).match(/two/g)?.length, 3)

    const renamed = await client.PATCH(path, { params: { path: web2 }, body: { name: 'blue' } })
    assert.match(renamed.data!.changes.join(), /blue/)
    const blue = { ...app, server: 'blue' }
    const { data } = await client.GET(path, { params: { path: blue } })
    assert.deepEqual([data?.id, data?.settings.weight, data?.file], ['web-2', 3, null])

    const drain = await client.PUT(`${path}/drain`, { params: { path: blue }, body: { deadline: '1h' } })
    assert.deepEqual([drain.data?.state, drain.data?.server], ['draining', 'blue'])
    assert.equal(await answers(2), 'one one')
    const last = await client.DELETE(path, { params: { path: web1 } })
    assert.deepEqual([last.response.status, last.error?.type], [409, '/problems/last-server'])

    const ready = await client.DELETE(`${path}/drain`, { params: { path: blue } })
    assert.equal(ready.response.status, 200)
    assert.match(await answers(4), /two/)
    assert.equal((await client.DELETE(path, { params: { path: blue } })).response.status, 200)
    assert.equal((await client.GET(path, { params: { path: blue } })).response.status, 404)
    assert.equal(await answers(2), 'one one')
  })

  test('is changed only by who knows its settings, whatever it counts meanwhile', async (t) => {
    const { client, answers } = await stage(t)
    const path = '/v1/upstreams/{upstream}/servers/{server}'
    const etagOf = async () => (await client.GET(path, { params: { path: web1 } })).response.headers.get('ETag')!
    const etag = await etagOf()
    await answers(3)
    assert.equal(await etagOf(), etag)
    const patch = (weight: number, tag: string) =>
      client.PATCH(path, { params: { path: web1, header: { 'if-match': tag } }, body: { weight } })
    assert.equal((await patch(2, etag)).response.status, 200)
    const stale = await patch(3, etag)
    assert.deepEqual([stale.response.status, stale.error?.type], [412, '/problems/stale'])
    assert.equal((await patch(3, await etagOf())).response.status, 200)
  })

  test('with a mistake is refused with its place, and nothing has changed', async (t) => {
    const { client } = await stage(t)
    const path = '/v1/upstreams/{upstream}/servers/{server}'
    for (const body of [{ weight: 0 }, { address: 'https://a:80' }, { name: 'with space' }, { failTimeout: '10' }]) {
      const { error, response } = await client.PATCH(path, { params: { path: web1 }, body })
      assert.deepEqual([response.status, error?.type], [400, '/problems/invalid'], JSON.stringify(body))
      assert.ok(error?.problems?.[0]?.path.includes(Object.keys(body)[0]!), JSON.stringify(error))
    }
    assert.equal((await client.GET('/v1/status')).data?.generation, 1)
  })
})

test('what operators have changed is shown beside the file, until it is reset', async (t) => {
  const { client } = await stage(t)
  const path = '/v1/upstreams/{upstream}/servers/{server}'
  await client.PATCH(path, { params: { path: web1 }, body: { weight: 5 } })
  const { data: status } = await client.GET('/v1/status')
  assert.deepEqual(
    status?.changes.map(({ upstream, server }) => [upstream, server]),
    [['app', 'web-1']],
  )
  assert.deepEqual((await client.GET(path, { params: { path: web1 } })).data?.file, { weight: 1 })
  const reset = await client.POST(`${path}/reset`, { params: { path: web1 } })
  assert.match(reset.data!.changes.join(), /5 → 1/)
  assert.deepEqual((await client.GET('/v1/status')).data?.changes, [])
  assert.deepEqual((await client.POST('/v1/reset')).data?.changes, [])
})

test('a whole configuration is put, by who knows the one before, and shows no secret', async (t) => {
  const { client, two, answers } = await stage(t)
  const read = await client.GET('/v1/config')
  const config = read.data as unknown as { upstreams: { app: { servers: object[]; affinity: { secrets: string[] } } } }
  assert.doesNotMatch(JSON.stringify(config), /shown nowhere/)
  const header = { 'if-match': read.response.headers.get('ETag')! }
  config.upstreams.app.servers.push({ name: 'web-2', address: two.address })
  config.upstreams.app.affinity.secrets = ['another secret of enough characters']
  const body = config as unknown as Record<string, never>
  const put = await client.PUT('/v1/config', { params: { header }, body })
  assert.equal(put.response.status, 200, JSON.stringify(put.error))
  assert.match(put.data!.changes.join(), /web-2 added/)
  assert.doesNotMatch(JSON.stringify([put.data, (await client.GET('/v1/status')).data]), /another secret/)
  assert.match(await answers(2), /two/)
  assert.equal((await client.PUT('/v1/config', { params: { header }, body })).response.status, 412)
  config.upstreams.app.servers.push({ name: 'web-2', address: 'a:1' }, { name: 'web-3', adress: 'b:1' })
  const bad = await client.PUT('/v1/config', { body })
  assert.equal(bad.response.status, 400)
  assert.ok(bad.error!.problems!.length >= 2, JSON.stringify(bad.error))
})

test('each change is an event and a line in the log, with who made it', async (t) => {
  const { client, limpet } = await stage(t)
  const api = new URL(await adminUrlOf(limpet))
  const watching = await RawClient.connect(t, Number(api.port))
  watching.say('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await watching.hear(/retry/)
  const params = { path: web1 }
  await client.PATCH('/v1/upstreams/{upstream}/servers/{server}', { params, body: { weight: 5 } })
  await watching.hear(/event: applied\ndata: .*server web-1: weight 1 .* 5.*\n\n/)
  await watching.hear(/event: operator\ndata: .*"author":"admin-token".*\n\n/)
  await limpet.errors.find(/app\/web-1, by admin-token/)
})

test('a change that was answered is there after kill -9', async (t) => {
  const { client, limpet, yaml, two } = await stage(t)
  const params = { path: web2 }
  await client.PUT('/v1/upstreams/{upstream}/servers/{server}', { params, body: { address: two.address } })
  limpet.process.kill('SIGKILL')
  await limpet.exit
  const next = await startLimpet(t, yaml, { env: { STATE_DIRECTORY: limpet.stateDirectory } })
  const again = await adminClient({ ...next, stateDirectory: limpet.stateDirectory })
  const { data } = await again.GET('/v1/upstreams/{upstream}/servers', { params: { path: app } })
  assert.deepEqual(
    data?.servers.map(({ name }) => name),
    ['web-1', 'web-2'],
  )
})

test('an upstream is paused and resumed', async (t) => {
  const { client, limpet } = await stage(t)
  const params = { path: app }
  const { data } = await client.PUT('/v1/upstreams/{upstream}/pause', { params, body: { max: '20s' } })
  assert.equal(Math.round((Date.parse(data!.until) - Date.parse(data!.since)) / 1000), 20)
  const waiting = fetch(limpet.url)
  assert.equal((await client.GET('/v1/upstreams/{upstream}', { params })).data?.pause?.until, data!.until)
  assert.equal((await client.DELETE('/v1/upstreams/{upstream}/pause', { params })).response.status, 200)
  assert.equal(await (await waiting).text(), 'one')
  assert.deepEqual((await client.DELETE('/v1/upstreams/{upstream}/pause', { params })).data?.changes, [])
})

test('what would happen is said, and does not happen', async (t) => {
  const { client, yaml, two, one } = await stage(t)
  const planned = await client.POST('/v1/plan', {
    headers: { 'Content-Type': 'application/yaml' },
    body: yaml.replace(`"${one.address}"`, `"${two.address}"`) as unknown as Record<string, never>,
    bodySerializer: (text) => text as unknown as string,
  })
  assert.match(planned.data!.changes.join(), /web-1/)
  const explained = await client.POST('/v1/explain', { body: { path: '/a?b', ip: '203.0.113.9' } })
  assert.deepEqual([explained.data?.upstream?.name, explained.data?.server], ['app', 'web-1'])
  const mistaken = await client.POST('/v1/explain', { body: { path: '/', ip: 'nowhere' } })
  assert.deepEqual([mistaken.response.status, mistaken.error?.type], [400, '/problems/invalid'])
  assert.equal((await client.GET('/v1/status')).data?.generation, 1)
})
