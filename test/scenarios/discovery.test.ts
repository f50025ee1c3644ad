/** Servers that are found: a whole Limpet that follows lists in files and over HTTP, and the labels of containers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { adminUrlOf, type Limpet, startLimpet } from '../support/limpet.ts'
import { ListFile } from '../support/list-file.ts'
import { httpOrigin } from '../support/origin.ts'
import { StandInEngine } from '../support/stand-in-engine.ts'
import { until } from '../support/until.ts'

async function origins<const Names extends readonly string[]>(t: TestContext, ...names: Names) {
  const made = names.map(async (name) => {
    const { address } = await httpOrigin(t, (_request, response) => response.end(name))
    return [name, address]
  })
  return Object.fromEntries(await Promise.all(made)) as Record<Names[number], string>
}

const base = {
  listeners: [{ address: '127.0.0.1', port: 0 }],
  instance: 'found',
  workers: 1,
  admin: { port: 0 },
}

const configOf = (servers: readonly unknown[], more: object = {}, others: object = {}) => ({
  ...base,
  routes: [{ path: '/*', upstream: 'app' }],
  upstreams: { app: { servers, ...more } },
  ...others,
})

const tokenOf = async ({ stateDirectory }: Limpet) =>
  (await readFile(join(stateDirectory, 'admin-token'), 'utf8')).trim()

async function asks(limpet: Limpet, path: string, options: { method?: string; body?: unknown } = {}) {
  const { method = 'GET', body } = options
  const response = await fetch(`${await adminUrlOf(limpet)}${path}`, {
    method,
    headers: { authorization: `Bearer ${await tokenOf(limpet)}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    text,
    value: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
  }
}

const sourcesOf = async (limpet: Limpet) => (await asks(limpet, '/v1/sources')).value.sources

/** Who answers: the sorted bodies of that many requests. */
async function answers({ url }: Limpet, count: number): Promise<string> {
  const all: string[] = []
  for (let request = 0; request < count; request++) all.push(await (await fetch(url)).text())
  return all.sort().join('')
}

const settles = (limpet: Limpet, count: number, expected: string) =>
  until(async () => (await answers(limpet, count)) === expected)

test('servers of a file come, move and go; a user stays with one that moves', async (t) => {
  const { a, b, c } = await origins(t, 'a', 'b', 'c')
  const list = await ListFile.with(t, [
    { id: 'a', name: 'a', address: a },
    { id: 'b', name: 'b', address: b },
  ])
  const limpet = await startLimpet(t, configOf([{ from: 'file', path: list.path }], { affinity: { type: 'cookie' } }))
  const first = await fetch(limpet.url)
  const name = await first.text()
  const cookie = first.headers.get('set-cookie')!.split(';')[0]!
  const again = async () => (await fetch(limpet.url, { headers: { cookie } })).text()
  await list.write([
    { id: 'a', name: 'a', address: name === 'a' ? c : a },
    { id: 'b', name: 'b', address: name === 'b' ? c : b },
  ])
  await until(async () => (await again()) === 'c')
  await list.write([{ id: name, name, address: c }])
  await settles(limpet, 4, 'cccc')
  assert.equal(await again(), 'c')
})

test('a name that repeats stays with the first that has it, and the other is said', async (t) => {
  const { a, b, c } = await origins(t, 'a', 'b', 'c')
  const one = await ListFile.with(t, [
    { name: 'x', address: b },
    { name: 'fixed', address: c },
  ])
  const other = await ListFile.with(t, [
    { name: 'x', address: c },
    { name: 'bad', address: c, weight: 0 },
  ])
  const config = configOf([
    { name: 'fixed', address: a },
    { from: 'file', path: one.path, weight: 3 },
    { from: 'file', path: other.path },
  ])
  const limpet = await startLimpet(t, config)
  assert.equal(await answers(limpet, 8), 'aabbbbbb')
  const messages = (await sourcesOf(limpet)).map(({ mistakes }: { mistakes: { where: string; message: string }[] }) =>
    mistakes.map(({ where, message }) => `${where}: ${message}`),
  )
  assert.match(messages[0].join(), /server fixed: expected a unique name, found fixed again/)
  assert.match(messages[1].join('\n'), /server x: expected a unique name, found x again/)
  assert.match(messages[1].join('\n'), /weight/)
})

test('a source that fails keeps its last list, says why, and recovers; an empty list is an answer', async (t) => {
  const { a, b } = await origins(t, 'a', 'b')
  let answer: { status: number; body: string } = { status: 200, body: JSON.stringify([{ name: 'a', address: a }]) }
  const server = createServer((_request, response) => {
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const limpet = await startLimpet(t, configOf([{ from: 'http', url, interval: '100ms' }]))
  assert.equal(await answers(limpet, 2), 'aa')
  answer = { status: 500, body: 'no' }
  await until(async () => (await sourcesOf(limpet))[0].state === 'failing')
  const [failing] = await sourcesOf(limpet)
  assert.match(failing.error, /500/)
  assert.equal(failing.servers, 1)
  assert.equal(await answers(limpet, 2), 'aa')
  answer = { status: 200, body: JSON.stringify([{ name: 'b', address: b }]) }
  await settles(limpet, 2, 'bb')
  assert.equal((await sourcesOf(limpet))[0].state, 'ok')
  answer = { status: 200, body: '[]' }
  await until(async () => (await fetch(limpet.url)).status === 503)
  assert.equal((await sourcesOf(limpet))[0].servers, 0)
})

test('readyz waits for a source that has not answered', async (t) => {
  const list = await ListFile.with(t, 'servers: {')
  const limpet = await startLimpet(t, configOf([{ from: 'file', path: list.path }]))
  const { status, text } = await asks(limpet, '/readyz')
  assert.equal(status, 503)
  assert.match(text, /waiting for file /)
  await list.write([])
  await until(async () => (await asks(limpet, '/readyz')).status === 200)
})

test("an operator's changes of found servers last over a restart of the list and a removal", async (t) => {
  const { a, b } = await origins(t, 'a', 'b')
  const both = [
    { name: 'a', address: a },
    { name: 'b', address: b },
  ]
  const list = await ListFile.with(t, both)
  const limpet = await startLimpet(t, configOf([{ from: 'file', path: list.path }]))
  const weighted = await asks(limpet, '/v1/upstreams/app/servers/a', { method: 'PATCH', body: { weight: 3 } })
  assert.equal(weighted.status, 200, weighted.text)
  assert.equal(await answers(limpet, 8), 'aaaaaabb')
  await list.write([both[1]])
  await settles(limpet, 4, 'bbbb')
  await list.write(both)
  await settles(limpet, 8, 'aaaaaabb')
})

test('a reload that changes an entry keeps its servers, and one that removes it does not', async (t) => {
  const { a, b } = await origins(t, 'a', 'b')
  const one = await ListFile.with(t, [{ name: 'a', address: a }])
  const other = await ListFile.with(t, [{ name: 'b', address: b }])
  const entries = [
    { from: 'file', path: one.path },
    { from: 'file', path: other.path },
  ]
  const limpet = await startLimpet(t, configOf(entries))
  assert.equal(await answers(limpet, 4), 'aabb')
  await writeFile(limpet.file, JSON.stringify(configOf([{ ...entries[0]!, weight: 3 }, entries[1]])))
  limpet.process.kill('SIGHUP')
  await settles(limpet, 8, 'aaaaaabb')
  await writeFile(limpet.file, JSON.stringify(configOf([entries[1]])))
  limpet.process.kill('SIGHUP')
  await settles(limpet, 4, 'bbbb')
  assert.equal((await sourcesOf(limpet)).length, 1)
  limpet.process.kill('SIGTERM')
  assert.equal(await limpet.exit, 0)
})

test('an entry keeps its servers where one before it is removed', async (t) => {
  const { a, b } = await origins(t, 'a', 'b')
  const one = await ListFile.with(t, [{ name: 'a', address: a }])
  const other = await ListFile.with(t, [{ name: 'b', address: b }])
  const entries = [
    { from: 'file', path: one.path },
    { from: 'file', path: other.path },
  ]
  const limpet = await startLimpet(t, configOf(entries))
  await writeFile(limpet.file, JSON.stringify(configOf([entries[1]])))
  limpet.process.kill('SIGHUP')
  const [line] = await limpet.errors.find(/generation 2: .*/)
  assert.match(line, /server a removed/)
  assert.doesNotMatch(line, /server b/)
})

test('an upgrade begins with what the process before had found', async (t) => {
  const { a } = await origins(t, 'a')
  const list = await ListFile.with(t, [{ name: 'a', address: a }])
  const limpet = await startLimpet(t, configOf([{ from: 'file', path: list.path }]))
  await list.write('servers: {')
  await until(async () => (await sourcesOf(limpet))[0].state === 'failing')
  limpet.process.kill('SIGUSR2')
  const [, pid] = await limpet.errors.find(/process (\d+) serves from now on/)
  t.after(() => process.kill(Number(pid), 'SIGKILL'))
  await limpet.exit
  assert.equal(await answers(limpet, 2), 'aa')
})

test('labels describe upstreams and routes; a container that goes is waited for, then its upstream goes', async (t) => {
  const { a, b } = await origins(t, 'a', 'b')
  const engine = await StandInEngine.start(t)
  const port = (address: string) => Number(address.split(':')[1])
  const labels = {
    'limpet.enable': 'true',
    'limpet.port': String(port(a)),
    'limpet.routes.web.path': '/*',
    'limpet.upstream': 'web',
  }
  const web = engine.run({ name: 'web', address: '127.0.0.1', labels })
  engine.run({
    name: 'wrong',
    address: '127.0.0.1',
    labels: {
      'limpet.enable': 'true',
      'limpet.upstream': 'other',
      'limpet.port': String(port(b)),
      'limpet.weight': 'heavy',
    },
  })
  const discovery = { docker: { host: engine.host, returnWithin: '500ms' } }
  const limpet = await startLimpet(t, { ...base, discovery })
  assert.equal(await answers(limpet, 2), 'aa')
  const [source] = await sourcesOf(limpet)
  assert.equal(source.state, 'ok')
  assert.match(JSON.stringify(source.mistakes), /weight/)
  engine.die(web)
  await until(async () => (await asks(limpet, '/v1/upstreams')).text.includes('"away"'))
  await until(async () => (await fetch(limpet.url)).status === 404)
  engine.start(web, { bridge: '127.0.0.1' })
  await settles(limpet, 2, 'aa')
})

test('a source that names the proxy itself is refused where it listens on port 0, too', async (t) => {
  const { a } = await origins(t, 'a')
  const list = await ListFile.with(t, [{ name: 'a', address: a }])
  const limpet = await startLimpet(t, configOf([{ from: 'file', path: list.path }]))
  await list.write([
    { name: 'a', address: a },
    { name: 'own', address: `127.0.0.1:${limpet.port}` },
  ])
  const message = `server own: expected the address of a server, found 127.0.0.1:${limpet.port}, where the proxy itself listens`
  await limpet.errors.find(new RegExp(message))
  assert.equal(await answers(limpet, 4), 'aaaa')

  const next = configOf([{ from: 'file', path: list.path }])
  const other = { address: '127.0.0.2', port: limpet.port }
  await list.write([
    { name: 'a', address: a },
    { name: 'other', address: `127.0.0.2:${limpet.port}` },
  ])
  await limpet.errors.find(/server other added/)
  await writeFile(limpet.file, JSON.stringify({ ...next, listeners: [...next.listeners, other] }))
  limpet.process.kill('SIGHUP')
  await limpet.errors.find(/server other: expected the address of a server, found 127\.0\.0\.2/)
  await limpet.errors.find(/server other removed/)
  await writeFile(limpet.file, JSON.stringify(next))
  limpet.process.kill('SIGHUP')
  await limpet.errors.matching(/server other added/, 2)
})

test('of two upstreams of labels with one cookie, the first has it, and the other is said to be left out', async (t) => {
  const { a } = await origins(t, 'a')
  const engine = await StandInEngine.start(t)
  const run = (name: string, cookie: string) =>
    engine.run({
      name,
      address: '127.0.0.1',
      labels: {
        'limpet.enable': 'true',
        'limpet.port': a.split(':')[1]!,
        'limpet.path': `/${name}`,
        [`limpet.upstreams.${name}.affinity.type`]: 'cookie',
        [`limpet.upstreams.${name}.affinity.name`]: cookie,
      },
    })
  run('one', 'ID')
  const second = run('two', 'ID')
  run('three', 'written')
  run('four', 'own')
  const config = configOf(
    [a],
    { affinity: { type: 'cookie', name: 'written' } },
    { discovery: { docker: { host: engine.host } } },
  )
  const limpet = await startLimpet(t, config)
  const statusOf = async (path: string) => {
    const response = await fetch(`${limpet.url}/${path}`)
    const [cookie = ''] = response.headers.getSetCookie()
    return cookie.split('=')[0]
  }
  assert.deepEqual(await Promise.all(['one', 'two', 'three', 'four'].map(statusOf)), [
    'ID',
    'written',
    'written',
    'own',
  ])
  const [source] = await sourcesOf(limpet)
  const said = source.mistakes.map(({ where, message }: { where: string; message: string }) => `${where}: ${message}`)
  assert.deepEqual(said.sort(), [
    'container three: expected a unique cookie name, found "written", which upstream app has, so three is left out',
    'container three: its upstream three has no effect, so it has none either',
    'container two: expected a unique cookie name, found "ID", which upstream one has, so two is left out',
    'container two: its upstream two has no effect, so it has none either',
  ])
  engine.remove(second)
  run('two', 'another')
  await until(async () => (await statusOf('two')) === 'another')
})

test('sources that change at the same moment are put into effect together', async (t) => {
  const { a, b } = await origins(t, 'a', 'b')
  const COUNT = 30
  let version = 1
  const held = new Set<() => void>()
  const server = createServer((request, response) => {
    const answer = () => {
      const body = JSON.stringify([{ name: 'x', address: version === 1 ? a : b }])
      response.writeHead(200, { etag: `"${version}"`, 'preference-applied': 'wait=30' }).end(body)
    }
    if (request.headers['if-none-match'] === `"${version}"`) held.add(answer)
    else answer()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const names = Array.from({ length: COUNT }, (_, index) => `u${index}`)
  const limpet = await startLimpet(t, {
    ...base,
    routes: names.map((upstream) => ({ path: `/${upstream}`, upstream })),
    upstreams: Object.fromEntries(names.map((name) => [name, { servers: { from: 'http', url: `${url}/${name}` } }])),
  })
  const generation = async () => (await asks(limpet, '/v1/status')).value.generation
  await until(() => held.size === COUNT)
  const before = await generation()
  version = 2
  for (const answer of held) answer()
  await until(async () => {
    const all = await Promise.all(names.map(async (name) => (await fetch(`${limpet.url}/${name}`)).text()))
    return all.every((answer) => answer === 'b')
  })
  const applies = (await generation()) - before
  assert.ok(applies <= COUNT / 3, `${applies} for ${COUNT} changes`)
  const { text } = await asks(limpet, '/metrics')
  const [, counted] = /^limpet_discovery_applies_total (\d+)/m.exec(text)!
  assert.equal(Number(counted), applies)
})
