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
