/** Where the admin API of a running Limpet answers, and who may do what there. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { adminClient } from '../support/admin-client.ts'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, configFile, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

const config = (admin: string, address = '127.0.0.1:1') => `
  instance: shop
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 1
  ${admin}
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [{ name: web-1, address: "${address}" }, { name: web-2, address: "127.0.0.1:1" }] } }
`

/** The status of a request over a socket. */
async function statusOver(socketPath: string, method: string, path: string, headers: Record<string, string> = {}) {
  const [response] = await once(request({ socketPath, method, path, headers, agent: false }).end(), 'response')
  await text(response)
  return response.statusCode as number
}

describe('over a socket', () => {
  test('only this user may connect, and may change things', async (t) => {
    const socket = join(await temporaryFolder(t), 'admin.sock')
    const limpet = await startLimpet(t, config(`admin: { socket: ${socket} }`))
    await limpet.errors.find(new RegExp(`admin API answers on unix:${socket}$`))
    assert.equal(statSync(socket).mode & 0o777, 0o600)
    assert.equal(await statusOver(socket, 'GET', '/v1/status'), 200)
    // Nothing of it can be changed yet, but it was not a matter of who asked.
    assert.equal(await statusOver(socket, 'DELETE', '/v1/upstreams/app/servers/none'), 404)
    assert.ok(!existsSync(join(limpet.stateDirectory, 'admin-token')))
  })

  test('what a killed Limpet left is replaced, and a process that listens is respected', async (t) => {
    const folder = await temporaryFolder(t)
    const socket = join(folder, 'admin.sock')
    const first = await startLimpet(t, config(`admin: { socket: ${socket} }`))
    await first.errors.find(/admin API answers/)
    const { code, stderr } = await runLimpet(['run', '-c', await configFile(t, config(`admin: { socket: ${socket} }`))])
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`cannot listen on unix:${socket} for the admin API: another program listens there`))
    assert.equal(await statusOver(socket, 'GET', '/v1/status'), 200)
    first.process.kill('SIGKILL')
    await first.exit
    assert.ok(existsSync(socket))
    const next = await startLimpet(t, config(`admin: { socket: ${socket} }`))
    await next.errors.find(/admin API answers/)
    assert.equal(await statusOver(socket, 'GET', '/v1/status'), 200)
    next.process.kill('SIGTERM')
    await next.exit
    assert.ok(!existsSync(socket))
  })

  test('a file that is no socket stays', async (t) => {
    const file = join(await temporaryFolder(t), 'notes.txt')
    writeFileSync(file, 'mine')
    const { code, stderr } = await runLimpet(['run', '-c', await configFile(t, config(`admin: { socket: ${file} }`))])
    assert.deepEqual([code, readFileSync(file, 'utf8')], [1, 'mine'])
    assert.match(stderr, /cannot listen on unix:.*notes\.txt for the admin API/)
  })

  test('on the default socket, a Limpet waits until the one before it has ended', async (t) => {
    const env = { RUNTIME_DIRECTORY: join(await temporaryFolder(t), 'run') }
    const socket = join(env.RUNTIME_DIRECTORY, 'admin-shop.sock')
    const pidOf = async () => {
      const [response] = await once(request({ socketPath: socket, path: '/v1/status', agent: false }).end(), 'response')
      return JSON.parse(await text(response)).pid
    }
    const first = await startLimpet(t, config(''), { env })
    await first.errors.find(/admin API answers/)
    const second = await startLimpet(t, config(''), { env })
    await second.errors.find(new RegExp(`no admin API on unix:${socket}: another process listens there`))
    assert.equal(await pidOf(), first.process.pid)
    first.process.kill('SIGTERM')
    await first.exit
    await second.errors.find(new RegExp(`admin API answers on unix:${socket}`))
    assert.equal(await pidOf(), second.process.pid)
  })

  test('where no default socket can be made, Limpet starts without it and says so', async (t) => {
    const limpet = await startLimpet(t, config(''), { env: { RUNTIME_DIRECTORY: '/dev/null/run' } })
    await limpet.errors.find(/no admin API on unix:\/dev\/null\/run\/admin-shop\.sock: /)
    await limpet.errors.find(/worker\(s\)/)
  })
})

describe('over a port', () => {
  test('everyone reads, and the token that only this user can read changes things', async (t) => {
    const limpet = await startLimpet(t, config('admin: { port: 0 }'))
    const api = await adminUrlOf(limpet)
    const client = await adminClient(limpet)
    assert.equal(statSync(join(limpet.stateDirectory, 'admin-token')).mode & 0o777, 0o600)
    const { data } = await client.GET('/v1/upstreams/{upstream}', { params: { path: { upstream: 'app' } } })
    assert.equal(data?.servers[0]?.name, 'web-1')
    const path = { upstream: 'app', server: 'none' }
    const { error, response } = await client.DELETE('/v1/upstreams/{upstream}/servers/{server}', { params: { path } })
    assert.deepEqual([response.status, error?.type], [404, '/problems/not-found'])
    const without = await fetch(`${api}/v1/upstreams/app/servers/none`, { method: 'DELETE' })
    assert.equal(without.status, 401)
    const { detail } = (await without.json()) as { detail: string }
    assert.match(detail, new RegExp(`what ${limpet.stateDirectory}/admin-token holds`))
  })

  test('the token of the machine is the same in the next run, unless others could have read it', async (t) => {
    const env = { STATE_DIRECTORY: await temporaryFolder(t) }
    const file = join(env.STATE_DIRECTORY, 'admin-token')
    const tokenOfARun = async () => {
      const limpet = await startLimpet(t, config('admin: { port: 0 }'), { env })
      await limpet.errors.find(/admin API answers/)
      limpet.process.kill('SIGTERM')
      await limpet.exit
      return readFileSync(file, 'utf8')
    }
    const first = await tokenOfARun()
    assert.equal(await tokenOfARun(), first)
    chmodSync(file, 0o644)
    assert.notEqual(await tokenOfARun(), first)
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  test('with tokens, each request needs one, from a file or a variable', async (t) => {
    const file = join(await temporaryFolder(t), 'token')
    const [writer, reader] = ['w'.repeat(40), 'r'.repeat(40)]
    writeFileSync(file, `${writer}\n`)
    const tokens = `[{ name: deploy, scope: write, file: ${file} }, { name: board, scope: read, value: "\${BOARD_TOKEN}" }]`
    const limpet = await startLimpet(t, config(`admin: { port: 0, tokens: ${tokens} }`), {
      env: { BOARD_TOKEN: reader },
    })
    const api = await adminUrlOf(limpet)
    const statusOf = async (method: string, path: string, token?: string) => {
      const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
      return (await fetch(`${api}${path}`, { method, headers })).status
    }
    assert.deepEqual(
      [
        await statusOf('GET', '/v1/status'),
        await statusOf('GET', '/v1/status', reader),
        await statusOf('DELETE', '/v1/upstreams/app/servers/none', reader),
        await statusOf('DELETE', '/v1/upstreams/app/servers/none', writer),
      ],
      [401, 200, 403, 404],
    )
    const shown = await fetch(`${api}/v1/config`, { headers: { Authorization: `Bearer ${reader}` } })
    const content = await shown.text()
    assert.ok(!content.includes(reader) && !content.includes(writer))
    assert.match(content, /"value":"\$\{ADMIN_TOKEN_2\}"/)
    assert.ok(!existsSync(join(limpet.stateDirectory, 'admin-token')))
  })

  test('a token that cannot be read ends the start with a clear error', async (t) => {
    const folder = await temporaryFolder(t)
    writeFileSync(join(folder, 'short'), 'secret')
    for (const [name, message] of [
      ['none', /^admin\.tokens\[0\]\.file: cannot read .*\/none: ENOENT/m],
      [
        'short',
        /^admin\.tokens\[0\]\.file: expected .*\/short to hold only a token, of at least 32 characters \(make one/m,
      ],
    ] as const) {
      const admin = `admin: { port: 0, tokens: [{ name: a, scope: write, file: ${join(folder, name)} }] }`
      const { code, stderr } = await runLimpet(['run', '-c', await configFile(t, config(admin))])
      assert.equal(code, 1)
      assert.match(stderr, message)
      assert.doesNotMatch(stderr, /"secret"/)
    }
  })
})

test('the libraries of the API are loaded with the first connection', async (t) => {
  const socket = join(await temporaryFolder(t), 'admin.sock')
  const limpet = await startLimpet(t, config(`admin: { socket: ${socket} }`), {
    env: { NODE_DEBUG: 'esm' },
  })
  await limpet.errors.find(/worker\(s\)/)
  // The built program has them in one module with the server that uses them.
  const libraries = /hono|src\/admin-server\./
  const isLoaded = () => limpet.errors.all.some((line) => libraries.test(line))
  assert.ok(!isLoaded())
  assert.equal(await statusOver(socket, 'GET', '/v1/status'), 200)
  await limpet.errors.find(libraries)
})

test('a server that fails is an event', async (t) => {
  const origin = await httpOrigin(t, () => {})
  await origin.kill()
  const limpet = await startLimpet(t, config('admin: { port: 0 }', origin.address))
  const api = new URL(await adminUrlOf(limpet))
  const watching = await RawClient.connect(t, Number(api.port))
  watching.say('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await watching.hear(/retry/)
  const client = await RawClient.connect(t, limpet.port)
  client.get('/')
  const heard = await watching.hear(/event: server-health\ndata: .*\n\n/)
  const [, data] = /event: server-health\ndata: (.*)\n/.exec(heard)!
  const { upstream, server, better, message } = JSON.parse(data!)
  assert.deepEqual([upstream, server, better], ['app', 'web-1', false])
  assert.match(message, /^upstream app: server web-1 is suspended for 10 s/)
})

test('a process that is bound but silent is a live one', async (t) => {
  const socket = join(await temporaryFolder(t), 'admin.sock')
  const other = createServer()
  other.listen(socket)
  await once(other, 'listening')
  t.after(() => other.close())
  const { code } = await runLimpet(['run', '-c', await configFile(t, config(`admin: { socket: ${socket} }`))])
  assert.deepEqual([code, existsSync(socket)], [1, true])
})
