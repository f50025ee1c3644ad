/** What operators change at run time, through the real API of a real process: it holds, it is saved, and it can be dropped. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { adminOf } from '../support/admin.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { until } from '../support/until.ts'
import { User } from '../support/user.ts'

let instances = 0

async function serversOf(t: TestContext, ...names: string[]): Promise<Record<string, string>> {
  const started = names.map(async (name) => {
    const { address } = await httpOrigin(t, (_request, response) => response.end(name))
    return [name, address] as const
  })
  return Object.fromEntries(await Promise.all(started))
}

/** Servers `a` and `b`, and whatever else is in the upstream. */
function configOf({ a, b }: Record<string, string>, settings = 'affinity: cookie,'): string {
  return `
listeners: [{ address: 127.0.0.1, port: 0 }]
instance: operator-${process.pid}-${++instances}
routes: [{ path: /*, upstream: app }]
upstreams: { app: { ${settings} servers: [{ name: a, address: "${a}" }, { name: b, address: "${b}" }] } }
`
}

const server = (name: string) => `/v1/upstreams/app/servers/${name}`

async function newUsers(port: number, count: number): Promise<User[]> {
  const users = Array.from({ length: count }, () => new User())
  for (const user of users) await user.get(port)
  return users
}

async function served(port: number, users: readonly User[]): Promise<string> {
  const answers = []
  for (const user of users) answers.push((await user.get(port)).body)
  return answers.join('')
}

test('a server is added, weighted, renamed and removed, and each says what changed', async (t) => {
  const servers = await serversOf(t, 'a', 'b', 'c')
  const limpet = await startLimpet(t, configOf(servers))
  const ask = await adminOf(limpet)
  const added = await ask('PUT', server('c'), { address: servers.c })
  assert.equal(added.status, 201)
  assert.deepEqual(added.body.changes, ['upstream app: server c added'])
  const users = await newUsers(limpet.port, 6)
  assert.deepEqual([...(await served(limpet.port, users))].sort().join(''), 'aabbcc')
  assert.deepEqual((await ask('PATCH', server('a'), { weight: 3 })).body.changes, [
    'upstream app: server a: weight 1 → 3',
  ])
  const before = await served(limpet.port, users)
  assert.deepEqual((await ask('PATCH', server('c'), { name: 'green' })).body.changes, [
    'upstream app: server c: name c → green',
  ])
  assert.equal(await served(limpet.port, users), before, 'a renamed server keeps its sessions')
  const { body: status } = await ask('GET', '/v1/status')
  assert.deepEqual(
    status.changes.map(({ server, message }: { server: string; message: string }) => `${server}: ${message}`),
    ['a: weight 3; the file says 1', 'green: added; the file does not have it'],
  )
  assert.deepEqual((await ask('DELETE', server('green'))).body.changes, ['upstream app: server green removed'])
  assert.doesNotMatch(await served(limpet.port, users), /c/)
  assert.deepEqual((await ask('POST', '/v1/reset')).body.changes, ['upstream app: server a: weight 3 → 1'])
  assert.deepEqual((await ask('GET', '/v1/status')).body.changes, [])
})

test('what is so already changes nothing', async (t) => {
  const servers = await serversOf(t, 'a', 'b')
  const limpet = await startLimpet(t, configOf(servers))
  const ask = await adminOf(limpet)
  for (const [method, path, body] of [
    ['PATCH', server('a'), { weight: 1 }],
    ['PATCH', server('a'), { admin: 'ready' }],
    ['DELETE', '/v1/upstreams/app/pause', undefined],
    ['POST', `${server('a')}/reset`, undefined],
    ['POST', '/v1/reset', undefined],
    ['POST', '/v1/reload', undefined],
  ] as const) {
    const { status, body: applied } = await ask(method, path, body)
    assert.deepEqual([status, applied.generation, applied.changes], [200, 1, []], `${method} ${path}`)
  }
  assert.deepEqual((await ask('GET', '/v1/status')).body.changes, [])
})

test('a change that was answered outlives kill -9, and the edited file, until it is reset', async (t) => {
  const servers = await serversOf(t, 'a', 'b', 'c')
  const state = `${await temporaryFolder(t)}/state`
  const config = configOf(servers)
  const env = { STATE_DIRECTORY: state }
  const first = await startLimpet(t, config, { env })
  const ask = await adminOf(first)
  await ask('PUT', server('c'), { address: servers.c, weight: 2 })
  await ask('PATCH', server('a'), { admin: 'maintenance' })
  await ask('DELETE', server('b'))
  first.process.kill('SIGKILL')
  await first.exit
  const second = await startLimpet(t, config.replace('name: a,', 'name: a, weight: 5,'), { env })
  const again = await adminOf(second)
  const { body } = await again('GET', '/v1/upstreams/app')
  assert.deepEqual(
    body.servers.map((one: { name: string; weight: number; state: { admin: string } }) => [
      one.name,
      one.weight,
      one.state.admin,
    ]),
    [
      ['a', 5, 'maintenance'],
      ['c', 2, 'ready'],
    ],
  )
  await again('POST', `${server('a')}/reset`)
  await again('POST', `${server('b')}/reset`)
  await again('POST', `${server('c')}/reset`)
  const { body: after } = await again('GET', '/v1/upstreams/app')
  assert.deepEqual(
    after.servers.map((one: { name: string }) => one.name),
    ['a', 'b'],
  )
})

test('a change that cannot be saved is refused, and has no effect', async (t) => {
  const servers = await serversOf(t, 'a', 'b')
  const folder = await temporaryFolder(t)
  await mkdir(`${folder}/state`)
  const config = configOf(servers)
  const [, instance] = /instance: (\S+)/.exec(config)!
  // A directory stands where the file would be written.
  await mkdir(`${folder}/state/changes-${instance}.json.new`)
  const limpet = await startLimpet(t, config, { env: { STATE_DIRECTORY: `${folder}/state` } })
  const ask = await adminOf(limpet)
  const { status, body } = await ask('PATCH', server('a'), { weight: 3 })
  assert.deepEqual([status, body.type], [500, '/problems/not-kept'])
  assert.match(body.detail, /the change would be lost at a restart: cannot write .*state/)
  assert.equal((await ask('GET', server('a'))).body.weight, 1)
})

test('the last server that may serve is neither drained, disabled nor removed, unless forced', async (t) => {
  const servers = await serversOf(t, 'a', 'b')
  const limpet = await startLimpet(t, configOf(servers))
  const ask = await adminOf(limpet)
  assert.equal((await ask('PATCH', server('b'), { admin: 'maintenance' })).status, 200)
  for (const [method, path, body] of [
    ['PUT', `${server('a')}/drain`, {}],
    ['PATCH', server('a'), { admin: 'maintenance' }],
    ['DELETE', server('a'), undefined],
  ] as const) {
    const { status, body: problem } = await ask(method, path, body)
    assert.deepEqual([status, problem.type], [409, '/problems/last-server'], `${method} ${path}`)
  }
  assert.equal((await ask('DELETE', `${server('a')}?force=true`)).status, 200)
  assert.equal((await fetch(limpet.url)).status, 503)
})

test('a reload is refused with everything that is wrong, and a stale change too', async (t) => {
  const servers = await serversOf(t, 'a', 'b')
  const config = configOf(servers)
  const limpet = await startLimpet(t, config)
  const ask = await adminOf(limpet)
  const { headers } = await ask('GET', server('a'))
  assert.equal((await ask('PATCH', server('a'), { weight: 2 }, { 'If-Match': String(headers.etag) })).status, 200)
  assert.equal((await ask('PATCH', server('a'), { weight: 4 }, { 'If-Match': String(headers.etag) })).status, 412)
  await writeFile(limpet.file, config.replace('name: b,', 'name: b, weight: 0, wieght: 1,'))
  const { status, body } = await ask('POST', '/v1/reload')
  assert.equal(status, 400)
  assert.deepEqual(
    body.problems.map(({ path }: { path: string }) => path),
    ['upstreams.app.servers[1].weight', 'upstreams.app.servers[1].wieght'],
  )
  assert.equal((await ask('GET', server('a'))).body.weight, 2)
})

test('a configuration that is put stands in for the file, until all is reset', async (t) => {
  const servers = await serversOf(t, 'a', 'b')
  const config = configOf(servers)
  const limpet = await startLimpet(t, config)
  const ask = await adminOf(limpet)
  await ask('PATCH', server('a'), { weight: 2 })
  const put = config.replace('name: b,', 'name: b, weight: 7,')
  assert.deepEqual((await ask('PUT', '/v1/config', put)).body.changes, ['upstream app: server b: weight 1 → 7'])
  assert.deepEqual((await ask('POST', '/v1/reload')).body.changes, [], 'the file has no effect')
  assert.deepEqual((await ask('PUT', '/v1/config?changes=reset', put)).body.changes, [
    'upstream app: server a: weight 2 → 1',
  ])
  assert.deepEqual((await ask('POST', '/v1/reset')).body.changes, ['upstream app: server b: weight 7 → 1'])
})

test('a drain ends with the last session, within 5 s; what is left at a deadline moves', async (t) => {
  const servers = await serversOf(t, 'a', 'b')
  const limpet = await startLimpet(t, configOf(servers, 'affinity: { type: cookie, idle: 2s },'))
  const ask = await adminOf(limpet)
  const users = await newUsers(limpet.port, 4)
  assert.equal((await served(limpet.port, users)).replace(/[^b]/g, ''), 'bb')
  const { body: drain } = await ask('PUT', `${server('b')}/drain`, { deadline: '1h' })
  assert.equal(drain.state, 'draining')
  assert.match(await served(limpet.port, users), /b.*b/, 'its sessions stay')
  const lastSeen = performance.now()
  assert.equal(await served(limpet.port, await newUsers(limpet.port, 3)), 'aaa', 'new users go elsewhere')
  await limpet.errors.find(/server b is empty after/)
  assert.ok(performance.now() - lastSeen < 2000 * (1 + 1 / 8) + 5000)

  assert.equal((await ask('DELETE', `${server('b')}/drain`)).status, 200)
  const others = await newUsers(limpet.port, 4)
  assert.match(await served(limpet.port, others), /b/)
  await ask('PUT', `${server('b')}/drain`, { deadline: '100ms' })
  await limpet.errors.find(/the drain's deadline has come .* which move now/)
  await limpet.errors.find(/server b: its sessions move to others/)
  assert.equal(await served(limpet.port, others), 'aaaa')
})

test('a server that asks for it is drained, and ready again when it says so, but not against an operator', async (t) => {
  let wish = ''
  const { address } = await httpOrigin(t, (_request, response) => {
    if (wish !== '') response.setHeader('Limpet-Server', wish)
    response.end('a')
  })
  const { b } = await serversOf(t, 'b')
  const limpet = await startLimpet(t, configOf({ a: address, b: b! }, 'affinity: cookie, drain: { headers: true },'))
  const ask = await adminOf(limpet)
  const stateOfA = async () => (await ask('GET', server('a'))).body.state.admin
  const user = (await newUsers(limpet.port, 1))[0]!
  // A worker reports a server that changes its mind at once a little later.
  const untilHeard = async (asks: string, line: RegExp, times = 1) => {
    wish = asks
    await until(async () => {
      await user.get(limpet.port)
      return limpet.errors.all.filter((each) => line.test(each)).length >= times
    })
  }
  await untilHeard('drain', /server a itself\): .*server a: ready → drain/)
  assert.equal(await stateOfA(), 'drain')
  await untilHeard('ready', /server a itself\): .*server a: drain → ready/)
  await ask('PUT', `${server('a')}/drain`, {})
  await untilHeard('drain', /server a asks to be drained/, 2)
  await untilHeard('ready', /server a asks for new sessions again/, 2)
  assert.equal(await stateOfA(), 'drain')
})

test('with removeAfter, a server that leaves the file keeps its sessions until they end, and is gone then', async (t) => {
  const servers = await serversOf(t, 'a', 'b')
  const config = configOf(servers, 'affinity: { type: cookie, idle: 2s }, drain: { removeAfter: 1h },')
  const limpet = await startLimpet(t, config)
  const ask = await adminOf(limpet)
  const users = await newUsers(limpet.port, 2)
  assert.equal([...(await served(limpet.port, users))].sort().join(''), 'ab')
  await writeFile(limpet.file, config.replace(/, \{ name: b[^}]*\}/, ''))
  assert.deepEqual((await ask('POST', '/v1/reload')).body.changes, ['upstream app: server b: ready → drain'])
  assert.equal([...(await served(limpet.port, users))].sort().join(''), 'ab', 'its sessions stay')
  assert.doesNotMatch(await served(limpet.port, await newUsers(limpet.port, 3)), /b/)
  await limpet.errors.find(/generation \d+: upstream app: server b removed/)
  assert.deepEqual((await ask('GET', '/v1/status')).body.changes, [])
})

test('a server that is back in the file before it is gone stays', async (t) => {
  const servers = await serversOf(t, 'a', 'b')
  const config = configOf(servers, 'affinity: cookie, drain: { removeAfter: 1h },')
  const limpet = await startLimpet(t, config)
  const ask = await adminOf(limpet)
  await newUsers(limpet.port, 2)
  await writeFile(limpet.file, config.replace(/, \{ name: b[^}]*\}/, ''))
  await ask('POST', '/v1/reload')
  await writeFile(limpet.file, config)
  assert.deepEqual((await ask('POST', '/v1/reload')).body.changes, ['upstream app: server b: drain → ready'])
  assert.deepEqual((await ask('GET', '/v1/drains')).body.drains, [])
})
