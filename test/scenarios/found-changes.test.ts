/** What operators change of servers that sources find: it lasts, whatever the sources say meanwhile, and over other processes. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { adminOf } from '../support/admin.ts'
import { temporaryFolder } from '../support/folder.ts'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { ListFile } from '../support/list-file.ts'
import { httpOrigin } from '../support/origin.ts'
import { StandInEngine } from '../support/stand-in-engine.ts'
import { until } from '../support/until.ts'

let instances = 0

const configOf = (servers: unknown, settings: object = {}) => ({
  listeners: [{ address: '127.0.0.1', port: 0 }],
  instance: `found-changes-${process.pid}-${++instances}`,
  workers: 1,
  routes: [{ path: '/*', upstream: 'app' }],
  upstreams: { app: { servers, ...settings } },
})

async function originsOf(t: TestContext, names: string): Promise<Record<string, string>> {
  const started = [...names].map(async (name) => {
    const { address } = await httpOrigin(t, (_request, response) => response.end(name))
    return [name, address] as const
  })
  return Object.fromEntries(await Promise.all(started))
}

const server = (name: string) => `/v1/upstreams/app/servers/${name}`

type Ask = Awaited<ReturnType<typeof adminOf>>

/** Each server with its weight and its admin state, where these are not the usual ones: `a b×3 c:drain`. */
async function servers(ask: Ask): Promise<string> {
  const { body } = await ask('GET', '/v1/upstreams/app')
  const all = body.servers.map(
    ({ name, weight, state }: { name: string; weight: number; state: { admin: string } }) => {
      return `${name}${weight === 1 ? '' : `×${weight}`}${state.admin === 'ready' ? '' : `:${state.admin}`}`
    },
  )
  return all.sort().join(' ')
}

const become = (ask: Ask, expected: string) => until(async () => (await servers(ask)) === expected)

async function drift(ask: Ask): Promise<string[]> {
  const { body } = await ask('GET', '/v1/status')
  return body.changes.map(({ server, message }: { server: string | null; message: string }) => `${server}: ${message}`)
}

async function carriedOut(ask: Ask, ...changes: readonly [method: string, path: string, body?: unknown][]) {
  for (const [method, path, body] of changes) {
    const answer = await ask(method, path, body)
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  }
}

async function upgraded(t: TestContext, limpet: Limpet): Promise<void> {
  limpet.process.kill('SIGUSR2')
  const [, pid] = await limpet.errors.find(/process (\d+) serves from now on/)
  t.after(() => process.kill(Number(pid), 'SIGKILL'))
  await limpet.exit
}

test('all changes last while servers go, return and change, through a restart and an upgrade, until they are reset', async (t) => {
  const at = await originsOf(t, 'abcdefg')
  const entry = (name: string, more: object = {}) => ({ name, address: at[name], ...more })
  const all = [...'abcdef'].map((name) => entry(name))
  const list = await ListFile.with(t, all)
  const env = { STATE_DIRECTORY: `${await temporaryFolder(t)}/state` }
  const config = configOf({ from: 'file', path: list.path })
  const first = await startLimpet(t, config, { env })
  let ask = await adminOf(first)
  await carriedOut(
    ask,
    ['PATCH', server('a'), { weight: 3 }],
    ['PUT', `${server('b')}/drain`, {}],
    ['PATCH', server('c'), { admin: 'maintenance' }],
    ['DELETE', server('d')],
    ['PUT', server('g'), { address: at.g }],
    ['PATCH', server('e'), { admin: 'maintenance' }],
    ['PATCH', server('e'), { admin: 'ready' }],
  )
  const changed = 'a×3 b:drain c:maintenance e f g'
  assert.equal(await servers(ask), changed)

  await list.write([entry('f')])
  await become(ask, 'f g')
  assert.deepEqual(await drift(ask), [
    'a: changed, without effect; neither the file nor a source has it',
    'b: changed, without effect; neither the file nor a source has it',
    'c: changed, without effect; neither the file nor a source has it',
    'd: removed; no source finds it at present',
    'g: added; neither the file nor a source has it',
  ])
  await list.write(all.map((each) => ({ ...each, weight: 2 })))
  await become(ask, 'a×3 b×2:drain c×2:maintenance e×2 f×2 g')

  first.process.kill('SIGKILL')
  await first.exit
  const second = await startLimpet(t, config, { env })
  ask = await adminOf(second)
  assert.equal(await servers(ask), 'a×3 b×2:drain c×2:maintenance e×2 f×2 g')
  await upgraded(t, second)
  assert.equal(await servers(ask), 'a×3 b×2:drain c×2:maintenance e×2 f×2 g')
  await list.write(all)
  await become(ask, changed)
  await carriedOut(ask, ['POST', `${server('a')}/reset`], ['POST', `${server('d')}/reset`])
  assert.equal(await servers(ask), 'a b:drain c:maintenance d e f g')
  await carriedOut(ask, ['DELETE', `${server('b')}/drain`], ['POST', '/v1/reset'])
  assert.equal(await servers(ask), 'a b c d e f')
  assert.deepEqual(await drift(ask), [])
})

test('what an operator says of a server lies on top of what its source says, whatever that is at present', async (t) => {
  const at = await originsOf(t, 'ab')
  const both = (state: string) => [
    { name: 'a', address: at.a, state },
    { name: 'b', address: at.b },
  ]
  const list = await ListFile.with(t, both('down'))
  const limpet = await startLimpet(t, configOf({ from: 'file', path: list.path }))
  const ask = await adminOf(limpet)
  assert.equal(await servers(ask), 'a:maintenance b')
  const cause = async () => (await ask('GET', '/v1/upstreams/app')).body.servers[0].state.cause
  assert.equal(await cause(), 'its source says that it is down')
  await carriedOut(ask, ['PATCH', server('a'), { admin: 'maintenance' }])
  assert.deepEqual(await drift(ask), ['a: maintenance; its source says down'])
  assert.equal(await cause(), null)
  await list.write(both('ready'))
  await until(async () => (await drift(ask)).join() === 'a: maintenance; its source says ready')
  assert.equal(await servers(ask), 'a:maintenance b')
  await carriedOut(ask, ['PATCH', server('a'), { admin: 'ready' }])
  assert.equal(await servers(ask), 'a b')
  await list.write(both('drain'))
  await become(ask, 'a:drain b')
  await carriedOut(ask, ['PATCH', server('a'), { admin: 'ready' }])
  assert.equal(await servers(ask), 'a:drain b')
  assert.deepEqual(await drift(ask), [])
  await carriedOut(ask, ['PUT', `${server('a')}/drain`, {}])
  await list.write(both('ready'))
  await until(async () => (await drift(ask)).join() === 'a: drain; its source says ready')
  assert.equal(await servers(ask), 'a:drain b')
})

test('a server that drains since its source no longer lists it has its changes again once it is back', async (t) => {
  const at = await originsOf(t, 'ab')
  const both = [
    { name: 'a', address: at.a },
    { name: 'b', address: at.b },
  ]
  const list = await ListFile.with(t, both)
  const limpet = await startLimpet(t, configOf({ from: 'file', path: list.path }, { drain: { removeAfter: '10m' } }))
  const ask = await adminOf(limpet)
  await carriedOut(ask, ['PATCH', server('a'), { weight: 5 }])
  await list.write(both.slice(1))
  await become(ask, 'a×5:drain b')
  assert.deepEqual(await drift(ask), ['a: no source finds it any more, and it drains first'])
  await carriedOut(ask, ['PATCH', server('a'), { weight: 4 }])
  await list.write(both)
  await become(ask, 'a×5 b')
})

test('an added server whose name a source then finds gives way, which is said, and serves again once the source has it no longer', async (t) => {
  const at = await originsOf(t, 'abx')
  const list = await ListFile.with(t, [{ name: 'a', address: at.a }])
  const limpet = await startLimpet(t, configOf({ from: 'file', path: list.path }))
  const ask = await adminOf(limpet)
  await carriedOut(ask, ['PUT', server('b'), { address: at.x }])
  const found = [
    { name: 'a', address: at.a },
    { id: 'other', name: 'b', address: at.b },
  ]
  await list.write(found)
  const conflict = 'upstream app: server b, added at run time, has no effect: the name b is taken'
  await limpet.errors.find(new RegExp(`WARN: ${conflict}`))
  const { body } = await ask('GET', '/v1/upstreams/app')
  assert.equal(body.servers[1].address, at.b)
  assert.ok((await drift(ask)).includes(`null: ${conflict}`))
  await list.write(found.slice(0, 1))
  await until(async () => (await ask('GET', '/v1/upstreams/app')).body.servers[1]?.address === at.x)
  await list.write(found)
  await until(async () => (await ask('GET', '/v1/upstreams/app')).body.servers[1].address === at.b)
  await carriedOut(ask, ['POST', `${server('b')}/reset`])
  assert.deepEqual(await drift(ask), [])
})

test('an added server whose id a source then finds is that server, with the settings of the operator on top', async (t) => {
  const at = await originsOf(t, 'abx')
  const list = await ListFile.with(t, [{ name: 'a', address: at.a }])
  const limpet = await startLimpet(t, configOf({ from: 'file', path: list.path }))
  const ask = await adminOf(limpet)
  await carriedOut(ask, ['PUT', server('b'), { address: at.x, weight: 2 }])
  await list.write([
    { name: 'a', address: at.a },
    { name: 'b', address: at.b },
  ])
  await until(async () => (await drift(ask)).includes(`b: address ${at.x}; its source says ${at.b}`))
  assert.equal(await servers(ask), 'a b×2')
  await list.write([{ name: 'a', address: at.a }])
  await until(async () => (await drift(ask)).includes('b: added; neither the file nor a source has it'))
  assert.equal(await servers(ask), 'a b×2')
})

test('changes of a container last while it is away and once it is gone, and can be reset by its id', async (t) => {
  const at = await originsOf(t, 'ab')
  const engine = await StandInEngine.start(t)
  const run = (name: string) =>
    engine.run({
      name,
      address: '127.0.0.1',
      labels: { 'limpet.enable': 'true', 'limpet.upstream': 'app', 'limpet.port': at[name]!.split(':')[1]! },
    })
  const [a] = [run('a'), run('b')]
  const limpet = await startLimpet(t, configOf({ from: 'docker', host: engine.host, returnWithin: '300ms' }))
  const ask = await adminOf(limpet)
  await carriedOut(ask, ['PATCH', server('a'), { weight: 7 }])
  engine.die(a)
  await until(async () => (await ask('GET', '/v1/upstreams')).body.upstreams[0].servers[0].state.health === 'away')
  assert.equal(await servers(ask), 'a×7 b')
  await become(ask, 'b')
  engine.start(a, { bridge: '127.0.0.1' })
  await become(ask, 'a×7 b')
  engine.die(a)
  await become(ask, 'b')
  await carriedOut(ask, ['POST', `${server('a')}/reset`])
  engine.start(a, { bridge: '127.0.0.1' })
  await become(ask, 'a b')
})
