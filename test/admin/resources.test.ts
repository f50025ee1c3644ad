/** The resources of the admin API, and what each asks of the operations behind it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Upstream } from '../../src/admin/answers.ts'
import { Problem } from '../../src/admin/problem.ts'
import { bearer, MACHINE_TOKEN, served } from './served.ts'

const headers = bearer(MACHINE_TOKEN)
const yaml = { ...headers, 'Content-Type': 'application/yaml' }
const server = '/v1/upstreams/app/servers/web-1'

describe('a change is made once, by its author:', () => {
  const changes: [
    method: string,
    path: string,
    body: string | undefined,
    done: string,
    extra?: Record<string, string>,
  ][] = [
    ['PATCH', server, '{"weight": 5}', 'weight of app/web-1'],
    ['PUT', server, '{"address": "10.0.0.1:80"}', 'put app/web-1'],
    [
      'PUT',
      '/v1/upstreams/app/servers/unix%3A%2Frun%2Fa.sock',
      '{"address": "unix:/run/a.sock"}',
      'put app/unix:/run/a.sock',
    ],
    ['DELETE', server, undefined, 'remove app/web-1'],
    ['POST', `${server}/reset`, undefined, 'reset web-1'],
    ['POST', '/v1/reset', undefined, 'reset all'],
    ['PUT', `${server}/drain`, '{"deadline": "90s"}', 'drain app/web-1 within 90000 ms'],
    ['PUT', `${server}/drain`, undefined, 'drain app/web-1 within 600000 ms'],
    ['PUT', '/v1/upstreams/app/pause', '{"max": "30s"}', 'pause app for 30000 ms'],
    ['POST', '/v1/reload', undefined, 'reload'],
    ['POST', '/v1/upgrade', undefined, 'upgrade'],
    ['PUT', '/v1/config', '{"upstreams": {}}', 'config of 17 characters, changes keep'],
    ['PUT', '/v1/config?changes=reset', 'upstreams: {}', 'config of 13 characters, changes reset', yaml],
  ]
  for (const [method, path, body, done, extra = headers] of changes) {
    test(`${method} ${path} ${body ?? ''}`, async (t) => {
      const { ask, operations } = await served(t)
      const { status } = await ask(method, path, { headers: extra, ...(body !== undefined && { body }) })
      assert.ok(status === 200 || status === 201, `status ${status}`)
      assert.deepEqual(operations.done, [`admin-token: ${done}`])
    })
  }
})

test('a server that is put is added once, and then has these settings', async (t) => {
  const { ask } = await served(t)
  const path = '/v1/upstreams/app/servers/web-3'
  const put = () => ask('PUT', path, { headers, body: '{"address": "10.0.0.3:80", "weight": 2}' })
  const [added, again] = [await put(), await put()]
  assert.deepEqual([added.status, again.status], [201, 200])
  assert.deepEqual(added.body, { generation: 2, revision: '2', changes: ['put app/web-3'] })
})

test('the same change again changes nothing', async (t) => {
  const { ask, operations } = await served(t)
  const patch = () => ask('PATCH', server, { headers, body: '{"weight": 5}' })
  await patch()
  const { status, body } = await patch()
  assert.deepEqual([status, body], [200, { generation: 2, revision: '2', changes: [] }])
  assert.equal(operations.done.length, 1)
})

describe('a change of what has changed meanwhile', () => {
  test('is refused, and one that knows of it is made', async (t) => {
    const { ask } = await served(t)
    const { headers: before } = await ask('GET', server)
    const patch = (weight: number, etag: string) =>
      ask('PATCH', server, { headers: { ...headers, 'If-Match': etag }, body: `{"weight": ${weight}}` })
    assert.equal((await patch(2, before.etag!)).status, 200)
    const stale = await patch(3, before.etag!)
    assert.deepEqual([stale.status, stale.body.type], [412, '/problems/stale'])
    const { headers: now } = await ask('GET', server)
    assert.notEqual(now.etag, before.etag)
    assert.equal((await patch(3, `"other", ${now.etag}`)).status, 200)
    assert.equal((await patch(4, `W/${(await ask('GET', server)).headers.etag}`)).status, 412, 'a weak tag')
    assert.equal((await patch(4, '*')).status, 200)
  })

  test('is refused for the configuration too', async (t) => {
    const { ask } = await served(t)
    const { etag } = (await ask('GET', '/v1/config')).headers
    const put = () =>
      ask('PUT', '/v1/config', { headers: { ...headers, 'If-Match': etag! }, body: '{"upstreams": {}}' })
    assert.deepEqual([(await put()).status, (await put()).status], [200, 412])
    const known = (tag: string) => ask('GET', '/v1/config', { headers: { 'If-None-Match': tag } })
    const { etag: next } = (await ask('GET', '/v1/config')).headers
    assert.deepEqual([(await known(next!)).status, (await known(etag!)).status], [304, 200])
  })

  test('is refused where only a new server is wanted, or only a known one', async (t) => {
    const { ask } = await served(t)
    const put = (name: string, condition: Record<string, string>) =>
      ask('PUT', `/v1/upstreams/app/servers/${name}`, {
        headers: { ...headers, ...condition },
        body: '{"address": "a:1"}',
      })
    assert.equal((await put('web-1', { 'If-None-Match': '*' })).status, 412)
    assert.equal((await put('web-3', { 'If-Match': '*' })).status, 412)
    assert.equal((await put('web-3', { 'If-None-Match': '*' })).status, 201)
    assert.equal((await put('web-3', { 'If-Match': '*' })).status, 200)
  })
})

test('the last server is neither drained nor removed, unless that is forced', async (t) => {
  const { ask } = await served(t)
  await ask('DELETE', '/v1/upstreams/app/servers/web-2', { headers })
  const refused = [
    await ask('DELETE', server, { headers }),
    await ask('DELETE', `${server}?force=false`, { headers }),
    await ask('PUT', `${server}/drain`, { headers }),
    await ask('PATCH', server, { headers, body: '{"admin": "maintenance"}' }),
  ]
  for (const { status, body } of refused) assert.deepEqual([status, body.type], [409, '/problems/last-server'])
  assert.equal((await ask('PUT', `${server}/drain`, { headers, body: '{"force": true}' })).status, 200)
  assert.equal((await ask('DELETE', `${server}?force=true`, { headers })).status, 200)
})

test('a drain and a pause are shown until they end', async (t) => {
  const { ask } = await served(t)
  const shown = async () => {
    const { body } = await ask('GET', '/v1/upstreams/app')
    const { pause, servers } = Upstream.strict().parse(body)
    return [pause?.until, servers[0]!.drain?.then, (await ask('GET', '/v1/drains')).body.drains.length]
  }
  assert.deepEqual(await shown(), [undefined, undefined, 0])
  assert.equal((await ask('GET', `${server}/drain`)).status, 404)
  await ask('PUT', `${server}/drain`, { headers, body: '{"then": "refuse"}' })
  await ask('PUT', '/v1/upstreams/app/pause', { headers, body: '{"max": "1s"}' })
  assert.deepEqual(await shown(), ['1970-01-01T00:00:01.000Z', 'refuse', 1])
  assert.equal((await ask('GET', `${server}/drain`)).body.state, 'draining')
  for (const path of [`${server}/drain`, '/v1/upstreams/app/pause']) {
    assert.deepEqual((await ask('DELETE', path, { headers })).body.changes.length, 1)
    assert.deepEqual((await ask('DELETE', path, { headers })).body.changes, [])
  }
  assert.deepEqual(await shown(), [undefined, undefined, 0])
})

test('the status names what operators have changed, and the emptiest servers', async (t) => {
  const { ask } = await served(t)
  assert.deepEqual((await ask('GET', '/v1/status')).body.changes, [])
  await ask('PATCH', server, { headers, body: '{"weight": 5}' })
  const { changes, emptiest, revision } = (await ask('GET', '/v1/status')).body
  assert.deepEqual(changes, [{ upstream: 'app', server: 'web-1', message: 'weight 5; the file says 1' }])
  assert.deepEqual([revision, emptiest], ['2', { app: 'web-2' }])
})

test('sessions are numbers', async (t) => {
  const { ask } = await served(t)
  const none = { live: 0, active: 0 }
  const servers = [
    { name: 'web-1', ...none },
    { name: 'web-2', ...none },
  ]
  const limits = [60, 300, 900, 3600, 14_400, 86_400, 604_800, null]
  const ages = limits.map((upTo) => ({ upTo, live: 0 }))
  assert.deepEqual((await ask('GET', '/v1/sessions')).body, { upstreams: [{ name: 'app', ...none, servers, ages }] })
})

test('the configuration is JSON, or YAML where that is preferred', async (t) => {
  const { ask } = await served(t)
  const cases: [accept: string, type: string][] = [
    ['*/*', 'application/json'],
    ['application/yaml', 'application/yaml'],
    ['application/json, application/yaml', 'application/json'],
    ['text/yaml, */*', 'application/yaml'],
  ]
  for (const [accept, type] of cases) {
    const { headers: got, text } = await ask('GET', '/v1/config', { headers: { Accept: accept } })
    assert.equal(got['content-type']?.split(';')[0], type, accept)
    assert.equal(text, type === 'application/yaml' ? 'upstreams: {}\n' : '{"upstreams":{}}')
  }
})

test('the problems of a configuration are passed on, each with its place', async (t) => {
  const { ask } = await served(t)
  const { status, body } = await ask('PUT', '/v1/config', { headers: yaml, body: 'routes: []' })
  assert.equal(status, 400)
  const { problems } = Problem.strict().parse(body)
  assert.deepEqual(problems, [
    { where: 'body:1:1', path: 'upstreams', message: 'expected at least one upstream, found nothing' },
  ])
})

test('planning and explaining change nothing', async (t) => {
  const { ask, operations } = await served(t)
  assert.deepEqual((await ask('POST', '/v1/plan', { headers: yaml, body: 'a: 1' })).body.changes.length, 1)
  const explained = (await ask('POST', '/v1/explain', { body: '{"path": "/a"}' })).body
  assert.deepEqual([explained.request.path, explained.status], ['/a', 404])
  assert.deepEqual(operations.done, [])
})

test('an error that nothing expects is a bug: it is reported, and said to be one', async (t) => {
  const { ask, operations, bugs } = await served(t)
  const bug = new TypeError('servers is not iterable')
  operations.drift = () => {
    throw bug
  }
  const { status, body } = await ask('GET', '/v1/status')
  assert.deepEqual([status, body.type], [500, '/problems/internal'])
  assert.deepEqual(bugs, [bug])
})
