/** How commands reach the admin API, and what they make of its answers. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporaryFolder } from '../support/folder.ts'
import { configFile, runLimpet } from '../support/limpet.ts'
import { Problem, ScriptedAdmin } from '../support/scripted-admin.ts'

const applied = { generation: 2, revision: 'r', changes: ['upstream app: server web-1: weight 1 → 5'] }
const change = 'PATCH /v1/upstreams/app/servers/web-1'

describe('the admin API is found', () => {
  test('at a port of the configuration, which gets the token of the state directory', async (t) => {
    const admin = await ScriptedAdmin.start(t, { [change]: applied })
    const state = await temporaryFolder(t)
    await writeFile(join(state, 'admin-token'), 'the-token\n')
    const config = `
      admin: { port: ${admin.port} }
      stateDirectory: ${state}
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: ["127.0.0.1:1"] } }
    `
    const result = await runLimpet(['weight', 'app/web-1', '5', '-c', await configFile(t, config)])
    assert.deepEqual(result, { code: 0, stdout: applied.changes[0], stderr: '' })
    assert.equal(admin.asked[0]!.headers.authorization, 'Bearer the-token')
    assert.equal(admin.asked[0]!.body, '{"weight":5}')
  })

  test('at the URL of an option, with the token of the state directory of the environment', async (t) => {
    const admin = await ScriptedAdmin.start(t, { [change]: applied })
    const state = await temporaryFolder(t)
    await writeFile(join(state, 'admin-token'), 'the-token\n')
    const { code } = await runLimpet(
      ['weight', 'app/web-1', '5', '--url', admin.url],
      { STATE_DIRECTORY: state },
      state,
    )
    assert.equal(code, 0)
    assert.equal(admin.asked[0]!.headers.authorization, 'Bearer the-token')
  })

  test('at the Unix socket of an option, which needs no token', async (t) => {
    const folder = await temporaryFolder(t)
    const socket = join(folder, 'admin.sock')
    const admin = await ScriptedAdmin.start(t, { [change]: applied }, socket)
    const { code } = await runLimpet(['weight', 'app/web-1', '5', '--socket', socket], { STATE_DIRECTORY: folder })
    assert.equal(code, 0)
    assert.equal(admin.asked[0]!.headers.authorization, undefined)
  })

  test('with a token of the configuration, which every request needs', async (t) => {
    const admin = await ScriptedAdmin.start(t, { 'GET /v1/status': {}, 'GET /v1/upstreams': { upstreams: [] } })
    const folder = await temporaryFolder(t)
    await writeFile(join(folder, 'token'), `${'w'.repeat(40)}\n`)
    const config = `
      admin:
        port: ${admin.port}
        tokens:
          - { name: dashboard, scope: read, value: "${'r'.repeat(40)}" }
          - { name: deploy, scope: write, file: ${join(folder, 'token')} }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: ["127.0.0.1:1"] } }
    `
    await runLimpet(['status', '-c', await configFile(t, config)])
    assert.equal(admin.asked[0]!.headers.authorization, `Bearer ${'w'.repeat(40)}`)
  })

  test('without the token of the state directory, as long as nothing is to be changed', async (t) => {
    const admin = await ScriptedAdmin.start(t, { 'GET /v1/status': {} })
    const state = await temporaryFolder(t)
    await writeFile(join(state, 'admin-token'), 'of-another-limpet')
    await runLimpet(['status', '--url', admin.url], { STATE_DIRECTORY: state }, state)
    assert.equal(admin.asked[0]!.headers.authorization, undefined)
  })

  test('with the token of a file that is named', async (t) => {
    const admin = await ScriptedAdmin.start(t, { [change]: applied })
    const folder = await temporaryFolder(t)
    const file = join(folder, 'token')
    await mkdir(join(folder, 'state'))
    await writeFile(file, 'another-token')
    const args = ['weight', 'app/web-1', '5', '--url', admin.url, '--token-file']
    assert.equal((await runLimpet([...args, file])).code, 0)
    assert.equal(admin.asked[0]!.headers.authorization, 'Bearer another-token')
    const { code, stderr } = await runLimpet([...args, join(folder, 'none')])
    assert.equal(code, 1)
    assert.match(stderr, /^limpet: cannot read the token: ENOENT/)
  })
})

describe('an answer of the admin API', () => {
  test('that lists mistakes is printed with all of them', async (t) => {
    const problems = [
      { where: 'limpet.yaml:3:5', path: 'upstreams.app', message: 'expected a mapping', hint: 'write one' },
      { where: 'limpet.yaml:9:1', path: '', message: 'unknown key' },
    ]
    const admin = await ScriptedAdmin.start(t, {
      'POST /v1/reload': new Problem('invalid', 'limpet.yaml:3:5: upstreams.app: …', problems),
    })
    const { code, stdout, stderr } = await runLimpet(['reload', '--url', admin.url])
    assert.deepEqual([code, stdout], [1, ''])
    assert.equal(
      stderr,
      'limpet: 2 problems\n' +
        'limpet.yaml:3:5: upstreams.app: expected a mapping (write one)\n' +
        'limpet.yaml:9:1: unknown key',
    )
  })

  test('that nothing had to be changed is one line, and exits with 0', async (t) => {
    const admin = await ScriptedAdmin.start(t, { [change]: { ...applied, changes: [] } })
    const { code, stdout } = await runLimpet(['weight', 'app/web-1', '5', '--url', admin.url])
    assert.deepEqual([code, stdout], [0, 'app/web-1 has weight 5 already'])
  })

  test('is printed as JSON if that is asked for', async (t) => {
    const admin = await ScriptedAdmin.start(t, { [change]: applied })
    const { code, stdout } = await runLimpet(['weight', 'app/web-1', '5', '--url', admin.url, '--json'])
    assert.equal(code, 0)
    assert.deepEqual(JSON.parse(stdout), applied)
  })

  test('that an upstream or server is unknown becomes a list of those that there are, and a suggestion', async (t) => {
    const many = Array.from({ length: 30 }, (_, index) => ({ name: `many-${index}` }))
    const admin = await ScriptedAdmin.start(t, {
      'GET /v1/upstreams': {
        upstreams: [
          { name: 'app', servers: [{ name: 'web-1' }, { name: 'web-2' }] },
          { name: 'static', servers: many },
        ],
      },
    })
    const complaint = async (...args: string[]) => {
      const { code, stderr } = await runLimpet([...args, '--url', admin.url])
      assert.equal(code, 1)
      return stderr
    }
    assert.equal(
      await complaint('weight', 'app/wbe-2', '5'),
      'limpet: upstream app has no server wbe-2; did you mean web-2? (there are web-1, web-2)',
    )
    assert.equal(
      await complaint('drain', 'ap/web-2'),
      'limpet: there is no upstream ap; did you mean app? (there are app, static)',
    )
    assert.equal(await complaint('pause', 'something'), 'limpet: there is no upstream something; there are app, static')
    assert.match(await complaint('ready', 'static/x'), /there are many-0, many-1, .* many-9 and 20 more$/)
  })

  test('that a server is not there is no failure when it was to be removed', async (t) => {
    const upstreams = [{ name: 'app', servers: [{ name: 'web-1' }] }]
    const admin = await ScriptedAdmin.start(t, { 'GET /v1/upstreams': { upstreams } })
    const there = await runLimpet(['remove', 'app/web-3', '--url', admin.url])
    assert.deepEqual(there, {
      code: 0,
      stdout: 'upstream app has no server web-3; did you mean web-1? (there is web-1)',
      stderr: '',
    })
    assert.equal((await runLimpet(['remove', 'ap/web-1', '--url', admin.url])).code, 1)
  })

  test('that it is the last server is a failure, unless it is to be done anyway', async (t) => {
    const path = '/v1/upstreams/app/servers/web-1'
    const admin = await ScriptedAdmin.start(t, {
      [`DELETE ${path}`]: new Problem('last-server', 'no server would be left; --force does it anyway'),
      [`DELETE ${path}?force=true`]: applied,
    })
    const refused = await runLimpet(['remove', 'app/web-1', '--url', admin.url])
    assert.equal(refused.code, 1)
    assert.equal(refused.stderr, 'limpet: no server would be left; --force does it anyway')
    assert.equal((await runLimpet(['remove', 'app/web-1', '--force', '--url', admin.url])).code, 0)
  })

  test('that is cut off or of another program is a failure that says so', async (t) => {
    const admin = await ScriptedAdmin.start(t, {
      'GET /v1/status': (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('hello'),
      'POST /v1/reload': (response) => {
        response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '100' }).write('{')
        setImmediate(() => response.destroy())
      },
    })
    const other = await runLimpet(['status', '--url', admin.url])
    assert.deepEqual(
      [other.code, other.stderr],
      [1, `limpet: the server at ${admin.url}/v1/status is no admin API of Limpet (status 200)`],
    )
    const cut = await runLimpet(['reload', '--url', admin.url])
    assert.equal(cut.code, 1)
    assert.match(cut.stderr, /^limpet: the admin API broke off its answer/)
  })
})

test('the name of a server may have slashes', async (t) => {
  const path = '/v1/upstreams/app/servers/unix%3A%2Frun%2Fapp.sock'
  const admin = await ScriptedAdmin.start(t, { [`PATCH ${path}`]: applied })
  assert.equal((await runLimpet(['ready', 'app/unix:/run/app.sock', '--url', admin.url])).code, 0)
})

describe('limpet drain --wait', () => {
  const path = '/v1/upstreams/app/servers/web-1/drain'
  const drain = {
    upstream: 'app',
    server: 'web-1',
    state: 'draining',
    started: '2026-01-31T12:00:00.000Z',
    ended: null,
    deadline: new Date(Date.now() + 600_000).toISOString(),
    // biome-ignore lint/suspicious/noThenProperty: it is data, and nobody awaits it.
    then: 'move',
    sessions: 2,
    active: 1,
    inFlight: 1,
    tunnels: 0,
    moved: 0,
    emptyAt: null,
  }

  test('exits with 0 once the server is empty', async (t) => {
    const admin = await ScriptedAdmin.start(t, {
      [`PUT ${path}`]: drain,
      [`GET ${path}`]: [drain, { ...drain, state: 'empty', ended: '2026-01-31T12:00:34.000Z' }],
    })
    const args = ['drain', 'app/web-1', '--wait', '--deadline', '10m', '--then', 'move', '--url', admin.url]
    const { code, stdout } = await runLimpet(args)
    assert.equal(code, 0)
    assert.equal(stdout, 'app/web-1: empty after 34 s')
    assert.equal(admin.asked[0]!.body, '{"deadline":"10m","then":"move"}')
    assert.equal(admin.asked.length, 3)
  })

  test('goes on if the API does not answer for a moment', async (t) => {
    const gone = (response: ServerResponse) => response.destroy()
    const looks = [gone, gone, { ...drain, state: 'empty', ended: drain.started }]
    const admin = await ScriptedAdmin.start(t, { [`PUT ${path}`]: drain, [`GET ${path}`]: looks })
    assert.equal((await runLimpet(['drain', 'app/web-1', '--wait', '--url', admin.url])).code, 0)
  })

  test('exits with 1 if the deadline cut', async (t) => {
    const ended = '2026-01-31T12:10:00.000Z'
    const admin = await ScriptedAdmin.start(t, {
      [`PUT ${path}`]: drain,
      [`GET ${path}`]: { ...drain, state: 'cut', ended, moved: 2 },
    })
    const { code, stdout } = await runLimpet(['drain', 'app/web-1', '--wait', '--url', admin.url])
    assert.deepEqual([code, stdout], [1, 'app/web-1: cut by its deadline after 10 min, 2 sessions moved'])
  })

  test('is over when the server is removed, and fails if the drain is ended', async (t) => {
    const server = 'GET /v1/upstreams/app/servers/web-1'
    const removed = await ScriptedAdmin.start(t, { [`PUT ${path}`]: drain })
    assert.equal((await runLimpet(['drain', 'app/web-1', '--wait', '--url', removed.url])).code, 0)
    const ended = await ScriptedAdmin.start(t, { [`PUT ${path}`]: drain, [server]: {} })
    const { code, stderr } = await runLimpet(['drain', 'app/web-1', '--wait', '--url', ended.url])
    assert.deepEqual([code, stderr], [1, 'limpet: the drain of app/web-1 was ended by someone else'])
  })

  test('without --wait it says how things are', async (t) => {
    const admin = await ScriptedAdmin.start(t, { [`PUT ${path}`]: drain })
    const { code, stdout } = await runLimpet(['drain', 'app/web-1', '--url', admin.url])
    assert.equal(code, 0)
    assert.match(
      stdout,
      /^app\/web-1: 2 sessions left \(1 active\), 1 request and 0 WebSockets in flight, deadline in (?:9 min \d+ s|10 min)$/,
    )
  })
})

describe('limpet events', () => {
  test('prints a line for each, and goes on after the last one when the stream breaks', async (t) => {
    const at = '2026-01-31T12:00:00.000Z'
    const event = (id: number, type: string, data: object) =>
      `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ at, ...data })}\n\n`
    const open = 'retry: 2000\n\n:\n\n'
    const drain = { upstream: 'app', server: 'b', state: 'empty', started: at, ended: at, deadline: at }
    const streams = [
      open + event(7, 'applied', { changes: ['one', 'two'] }) + event(8, 'server-health', { message: 'it is down' }),
      open + event(9, 'drain-ended', { drain }) + event(10, 'worker-died', { worker: 2 }),
    ]
    const stream = (text: string, index: number) => (response: ServerResponse) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      // A message may come in several pieces.
      response.write(text.slice(0, 40))
      const end = () => (index === 0 ? response.destroy() : response.end())
      setImmediate(() => response.write(text.slice(40), () => setImmediate(end)))
    }
    const admin = await ScriptedAdmin.start(t, {
      'GET /v1/events': [...streams.map(stream), new Problem('forbidden', 'no more')],
    })
    const { stdout } = await runLimpet(['events', '--url', admin.url])
    assert.deepEqual(stdout.split('\n').slice(0, 2), [`${at}  applied  one; two`, `${at}  server-health  it is down`])
    assert.match(stdout, /drain-ended {2}app\/b: empty after 0 s\n.*worker-died {2}\{"worker":2\}$/)
    const ids = admin.asked.map(({ headers }) => headers['last-event-id'])
    assert.deepEqual(ids.slice(0, 3), [undefined, '8', '10'])
  })
})

test('limpet upgrade waits until the new process answers', async (t) => {
  const status = (pid: number, version: string) => ({ pid, version })
  const gone = (response: ServerResponse) => response.destroy()
  const admin = await ScriptedAdmin.start(t, {
    'GET /v1/status': [status(1, '0.1.0'), gone, status(1, '0.1.0'), status(2, '0.2.0')],
    'POST /v1/upgrade': { pid: 2 },
  })
  const { code, stdout } = await runLimpet(['upgrade', '--url', admin.url])
  assert.deepEqual([code, stdout], [0, 'upgraded: process 1 (0.1.0) → 2 (0.2.0)'])
  const stuck = await ScriptedAdmin.start(t, { 'GET /v1/status': status(1, '0.1.0'), 'POST /v1/upgrade': { pid: 2 } })
  const late = await runLimpet(['upgrade', '--timeout', '300ms', '--url', stuck.url])
  assert.deepEqual([late.code, late.stderr], [1, 'limpet: process 2 has started, but does not answer yet; see the log'])
})

test('limpet replace changes nothing if the successor cannot be reached', async (t) => {
  const upstreams = [{ name: 'app', servers: [{ name: 'web-1', address: '127.0.0.1:1' }] }]
  const admin = await ScriptedAdmin.start(t, { 'GET /v1/upstreams': { upstreams } })
  const args = ['replace', 'app/web-1', '--address', '127.0.0.1:9', '--timeout', '700ms', '--url', admin.url]
  const { code, stdout, stderr } = await runLimpet(args)
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^limpet: 127\.0\.0\.1:9 is not healthy: .*ECONNREFUSED.*; nothing was changed$/)
  assert.deepEqual(admin.lines, ['GET /v1/upstreams'])
})
