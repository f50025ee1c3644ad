/** Answers that come from files: respond, errorPages and maintenancePage. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/error.ts'
import { loadConfig } from '../../src/config/load.ts'
import { difference } from '../../src/runtime/snapshot-patch.ts'
import { startDataPlane } from '../support/data-plane.ts'
import { http1Client, mirrorOrigin, testBoth } from '../support/filtered.ts'
import { folderOfTests, temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, startLimpet } from '../support/limpet.ts'
import { snapshotOf } from '../support/snapshot.ts'
import { until } from '../support/until.ts'

const folder = folderOfTests()

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x00, 0xff])

testBoth(
  'a body from a file is what the file holds, of the type that its name says',
  [
    { path: '/hello', filters: [{ respond: { file: fileOf('hello.html', '<p>ö') } }], upstream: undefined },
    { path: '/logo', filters: [{ respond: { file: fileOf('logo.png', picture) } }], upstream: undefined },
    { path: '/plain', filters: [{ respond: { file: fileOf('LICENSE', 'free') } }], upstream: undefined },
    {
      path: '/own',
      filters: [
        { respond: { status: 404, file: fileOf('own.txt', 'lost'), headers: { 'content-type': 'text/x-own' } } },
      ],
      upstream: undefined,
    },
    {
      path: '/*',
      filters: [
        {
          errorPages: {
            pages: [
              { status: 404, file: fileOf('404.json', '{}') },
              { status: 503, file: fileOf('sorry', 'sorry') },
              { status: '5xx', file: fileOf('5xx.txt', 'down'), contentType: 'text/x-own' },
            ],
          },
        },
      ],
    },
  ],
  async (client) => {
    const shown = async (path: string, status?: number) => {
      const headers: Record<string, string> = status === undefined ? {} : { 'X-Answer': JSON.stringify({ status }) }
      const answer = await client.ask(path, { headers })
      assert.equal(answer.headers['content-length'], String(answer.bytes.length))
      return [answer.status, answer.headers['content-type'], answer.body]
    }
    assert.deepEqual(await shown('/hello'), [200, 'text/html; charset=utf-8', '<p>ö'])
    assert.deepEqual(await shown('/plain'), [200, 'text/plain; charset=utf-8', 'free'])
    assert.deepEqual(await shown('/own'), [404, 'text/x-own', 'lost'])
    const logo = await client.ask('/logo')
    assert.deepEqual([logo.headers['content-type'], logo.bytes], ['image/png', picture])
    const head = await client.ask('/logo', { method: 'HEAD' })
    assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '8', ''])
    assert.deepEqual(await shown('/', 404), [404, 'application/json', '{}'])
    assert.deepEqual(await shown('/', 503), [503, 'text/html; charset=utf-8', 'sorry'])
    assert.deepEqual(await shown('/', 500), [500, 'text/x-own', 'down'])
  },
)

testBoth(
  "an answer with a body of its own keeps it, whatever errorPages says; one without gets the route's page",
  [
    {
      path: '/said',
      filters: [
        { errorPages: { pages: [{ status: '4xx', body: 'lost' }] } },
        { respond: { status: 410, body: 'gone' } },
      ],
      upstream: undefined,
    },
    {
      path: '/unsaid',
      filters: [{ errorPages: { pages: [{ status: '4xx', body: 'lost' }] } }, { respond: { status: 410 } }],
      upstream: undefined,
    },
  ],
  async (client) => {
    assert.equal((await client.ask('/said')).body, 'gone')
    const { status, body } = await client.ask('/unsaid')
    assert.deepEqual([status, body], [410, 'lost'])
  },
)

const upstreams = { app: { servers: ['127.0.0.1:1'] } }

test('a file that several filters name is in the Snapshot once, in memory that workers share, and travels only when it changes', async (t) => {
  const large = fileOf('large.html', 'x'.repeat(100_000))
  const small = fileOf('small.html', 'y')
  const pages = [{ status: 404, file: small }]
  const routes = [{ path: '/*', upstream: 'app', filters: [{ respond: { file: large } }, { errorPages: { pages } }] }]
  const defaults = { filters: [{ errorPages: { pages: [{ status: 500, file: large }] } }] }
  const before = await snapshotOf(t, { routes, defaults, upstreams })
  assert.deepEqual(
    before.pages?.map(({ name, bytes }) => [name, bytes.length, bytes.buffer instanceof SharedArrayBuffer]),
    [
      [large, 100_000, true],
      [small, 1, true],
    ],
  )
  writeFileSync(small, 'z')
  const next = await snapshotOf(t, { routes, defaults, upstreams })
  const patch = JSON.stringify(difference(before, next))
  assert.ok(patch.length < 1000, `${patch.length} bytes`)
  assert.match(patch, /"pages"/)
})

test('files that cannot be pages are refused, at their place', async (t) => {
  const cwd = await temporaryFolder(t)
  writeFileSync(join(cwd, 'empty.html'), '')
  writeFileSync(join(cwd, 'large.html'), 'x'.repeat(1024 * 1024 + 1))
  writeFileSync(join(cwd, 'here.html'), 'x')
  mkdirSync(join(cwd, 'folder'))
  writeFileSync(
    join(cwd, 'limpet.yaml'),
    `routes:
  - path: /a
    filters: [{ respond: { file: here.html } }]
  - path: /*
    upstream: app
    filters:
      - maintenancePage: { file: folder, when: { file: here.html/flag } }
      - errorPages: { pages: [{ status: 404, file: large.html }, { status: 500, file: missing.html }] }
      - respond: { file: empty.html }
upstreams: { app: { servers: [10.0.0.1] } }
`,
  )
  const load = () => loadConfig({ file: 'limpet.yaml', env: {}, cwd, areFilesRead: true })
  assert.throws(load, (error) => {
    assert.ok(error instanceof ConfigError)
    assert.deepEqual(
      error.problems.map(({ where, message, hint }) => `${where}: ${message.replaceAll(cwd, '')} (${hint})`),
      [
        'limpet.yaml:7:34: /folder: cannot be read: illegal operation on a directory (name a file in it)',
        'limpet.yaml:8:52: /large.html: expected at most 1048576 bytes, found 1048577 (have a server of its own serve it)',
        'limpet.yaml:8:87: /missing.html: cannot be read: no such file or directory (undefined)',
        'limpet.yaml:9:26: /empty.html: expected a page, found an empty file (undefined)',
      ],
    )
    return true
  })
})

test('a page is written once: as text or as a file', () => {
  const load = (filter: object) => {
    const routes = [{ path: '/*', upstream: 'app', filters: [filter] }]
    const text = JSON.stringify({ routes, upstreams })
    return loadConfig({ env: {}, cwd: folder, instead: { text, name: 'limpet.yaml' } })
  }
  const both = /respond\.file: expected either body or file, found "a" \(leave one out\)/
  assert.throws(() => load({ respond: { body: 'x', file: 'a' } }), both)
  assert.throws(() => load({ errorPages: { pages: [{ status: 404 }] } }), /pages\[0\]: expected a page: body or file/)
  assert.throws(
    () => load({ errorPages: { pages: [{ status: 404, body: 'x', contentType: 'text/html\r\nX-Other: 1' }] } }),
    /contentType: expected a media type such as text\/html; charset=utf-8/,
  )
})

test('a changed page takes effect by itself, one that has gone stays as it was, and a file switches the maintenance page', async (t) => {
  const origin = await mirrorOrigin(t)
  const page = fileOf('changing.html', 'one')
  const flag = join(folder, 'not yet', 'down')
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    admin: { address: '127.0.0.1', port: 0 },
    workers: 2,
    routes: [
      { path: '/page', filters: [{ respond: { file: page } }] },
      { path: '/*', upstream: 'app', filters: [{ maintenancePage: { when: { file: flag }, file: page } }] },
    ],
    upstreams: { app: { servers: [origin.address] } },
  })
  const client = http1Client(t, limpet.port)
  assert.equal((await client.ask('/page')).body, 'one')
  assert.equal((await client.ask('/')).status, 200)

  await writeFile(page, 'two')
  await limpet.errors.find(/generation 2 \(changed files\): .*changing\.html changed/)
  assert.equal((await client.ask('/page')).body, 'two')
  rmSync(page)
  await limpet.errors.find(
    /changing\.html: cannot be read: no such file or directory; what it held before stays in effect/,
  )
  assert.equal((await client.ask('/page')).body, 'two')
  // As editors and deployments replace files.
  renameSync(fileOf('next.html', 'three'), page)
  await limpet.errors.find(/generation 3 \(changed files\): .*changing\.html changed/)

  mkdirSync(join(folder, 'not yet'))
  writeFileSync(flag, '')
  await limpet.errors.find(/generation 4 \(changed files\): .*not yet\/down has appeared/)
  const { status, body, headers } = await client.ask('/')
  assert.deepEqual([status, body, headers['retry-after']], [503, 'three', '300'])
  assert.equal((await fetch(`${await adminUrlOf(limpet)}/readyz`)).status, 200)
  rmSync(flag)
  await limpet.errors.find(/generation 5 \(changed files\): .*not yet\/down has gone/)
  assert.equal((await client.ask('/')).status, 200)
})

test('what slow clients have not taken of a page takes no memory for each of them', async (t) => {
  const SIZE = 1024 * 1024
  const { port } = await startDataPlane(t, {
    listeners: [{ h2c: true }],
    routes: [{ path: '/*', filters: [{ respond: { file: fileOf('slow.html', 'x'.repeat(SIZE)) } }] }],
    upstreams,
  })
  await http1Client(t, port).ask('/')
  const heldBefore = process.memoryUsage().arrayBuffers
  const CLIENTS = 40
  const sockets = Array.from({ length: CLIENTS }, () => {
    const socket = connect(port, '127.0.0.1')
    // More than the kernel takes.
    socket.pause().write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20))
    t.after(() => socket.destroy())
    return socket
  })
  const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } })
  t.after(() => session.destroy())
  const streams = Array.from({ length: CLIENTS }, () => session.request({ ':path': '/' }))
  await Promise.all(streams.map((stream) => once(stream, 'response')))
  await until(async () => sockets.every(({ bytesWritten }) => bytesWritten > 0))
  const probe = await http1Client(t, port).ask('/')
  assert.equal(probe.bytes.length, SIZE)
  const held = process.memoryUsage().arrayBuffers - heldBefore
  assert.ok(held < 20 * SIZE, `${held} bytes for ${2 * CLIENTS} clients`)
  // Whoever reads on gets all of it.
  const [socket] = sockets
  let received = 0
  socket!.on('data', (bytes) => {
    received += bytes.length
  })
  socket!.resume()
  await until(async () => received > 20 * SIZE)
  session.settings({ initialWindowSize: SIZE })
  session.setLocalWindowSize(SIZE * CLIENTS)
  const [stream] = streams
  let bytes = 0
  for await (const chunk of stream!) bytes += chunk.length
  assert.equal(bytes, SIZE)
})
