import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../../src/config/file.ts'
import { Server } from '../../../src/config/server.ts'
import { entriesOf, mergedWith, NOTHING_FOUND } from '../../../src/control/desired/found.ts'

const text = (sources: readonly string[]) => `
listeners: [{ address: 127.0.0.1, port: 0 }]
routes: [{ path: /*, upstream: app }]
upstreams:
  app: { servers: ["10.0.0.1:80", ${sources.map((path) => `{ from: file, path: ${path} }`).join(', ')}] }
  other: { servers: ["10.0.0.9:80"] }`

const config = (...sources: string[]) => parseConfig(text(sources), 'test', {})
const server = (name: string) => Server.parse({ id: name, name, address: '10.0.0.2:80' })
const namesOf = ({ config }: ReturnType<typeof mergedWith>) => config.upstreams[0]!.servers.map(({ name }) => name)

test('what has not changed is the same object', () => {
  const file = config('/a')
  assert.equal(mergedWith(file, NOTHING_FOUND).config, file)
  const { key } = entriesOf(file.upstreams[0]!)[0]!
  const list = [server('x')]
  const one = mergedWith(file, { servers: new Map([[key, list]]), landscapes: [] })
  const again = mergedWith(file, { servers: new Map([[key, list]]), landscapes: [] })
  assert.equal(again.config.upstreams[0], one.config.upstreams[0])
  assert.equal(one.config.upstreams[1], file.upstreams[1])
  assert.equal(one.config.routes, file.routes)
})

test('a name that repeats stays with the first that has it', () => {
  const file = config('/a', '/b')
  const [a, b] = entriesOf(file.upstreams[0]!).map(({ key }) => key) as [string, string]
  const servers = new Map([
    [b, [server('x'), server('y')]],
    [a, [server('x'), server('10.0.0.1:80')]],
  ])
  const merged = mergedWith(file, { servers, landscapes: [] })
  assert.deepEqual(namesOf(merged), ['10.0.0.1:80', 'x', 'y'])
  assert.deepEqual(
    merged.refused.map(({ source }) => source),
    [a, b],
  )
})

test('an entry has its servers wherever it stands, and one that changes those that it had', () => {
  const [a, b] = entriesOf(config('/a', '/b').upstreams[0]!).map(({ key }) => key) as [string, string]
  const servers = new Map([
    [a, [server('x')]],
    [b, [server('y')]],
  ])
  const found = { servers, landscapes: [] }
  assert.deepEqual(namesOf(mergedWith(config('/b'), found)), ['10.0.0.1:80', 'y'])
  assert.deepEqual(namesOf(mergedWith(config('/c', '/b'), found)), ['10.0.0.1:80', 'x', 'y'])
  assert.deepEqual(namesOf(mergedWith(config('/b', '/a', '/c'), found)), ['10.0.0.1:80', 'y', 'x'])
})

test('a route that was found takes effect where its upstream is the one of the file', () => {
  const file = config('/a')
  const found = parseConfig(text(['/a']).replace('path: /*', 'host: x.example, path: /*'), 'test', {}).routes[0]!
  const source = file.upstreams[0]!
  const withDocker = {
    ...file,
    upstreams: [{ ...source, sources: [{ from: 'docker' } as unknown as (typeof source.sources)[number]] }],
  }
  const landscapes = [{ source: 'docker', upstreams: [], routes: [{ route: found, where: 'container web' }] }]
  assert.deepEqual(mergedWith(withDocker, { servers: new Map(), landscapes }).config.routes, [...file.routes, found])
})

test('a route that was found has no effect where the file has not the listener that it names', () => {
  const file = config('/a')
  const route = { ...file.routes[0]!, priority: 1, listeners: ['inside'] }
  const landscapes = [{ source: 'docker', upstreams: [], routes: [{ route, where: 'container web' }] }]
  const merged = mergedWith(file, { servers: new Map(), landscapes })
  assert.deepEqual(merged.config.routes, file.routes)
  assert.match(merged.refused[0]!.message, /no listener inside/)
})
