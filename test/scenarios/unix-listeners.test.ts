/** Clients that come by a Unix socket: `listeners: [{ address: unix:/run/limpet.sock }]`. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { pino } from 'pino'
import { parseConfig } from '../../src/config/file.ts'
import { Balancer } from '../../src/control/balancer.ts'
import { temporaryFolder } from '../support/folder.ts'
import { runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** The configuration of a balancer with a Unix socket in that folder, and a port. */
function configWith(folder: string, servers: readonly string[], settings: object = {}, listener: object = {}) {
  return {
    listeners: [
      { address: '127.0.0.1', port: 0 },
      { address: `unix:${folder}/limpet.sock`, ...listener },
    ],
    workers: 2,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers } },
    ...settings,
  }
}

/** A server that answers with the request's head as it got it. */
function echo(test: TestContext) {
  return httpOrigin(test, ({ rawHeaders }, response) => {
    const fields = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text.toLowerCase()}: ` : `${text}\n`))
    response.end(`<${fields.join('')}>`)
  })
}

async function bodyFrom(socketPath: string, headers: Record<string, string> = {}, path = '/'): Promise<string> {
  const [response] = await once(get({ socketPath, path, headers, agent: false }), 'response')
  return text(response)
}

describe('a listener on a Unix socket', () => {
  test('serves clients, and calls them unix: in the log and to servers', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const limpet = await startLimpet(t, configWith(folder, [address]))
    await limpet.errors.find(new RegExp(`listening on unix:${folder}/limpet.sock$`))
    const body = await bodyFrom(`${folder}/limpet.sock`, { 'X-Forwarded-For': '192.0.2.1', Forwarded: 'for=192.0.2.1' })
    assert.match(body, /\nx-forwarded-for: 192\.0\.2\.1, unix:\n/)
    assert.doesNotMatch(body, /\nforwarded:/)
    await limpet.log.find(/^unix: - - \[.*\] "GET \/ HTTP\/1\.1" 200 /)
  })

  test('passes bodies of any size both ways, also to a client that is slow to read', async (t) => {
    const folder = await temporaryFolder(t)
    const large = Buffer.alloc(5_000_000, 'x')
    const { address } = await httpOrigin(t, (request, response) => {
      request.resume()
      request.on('end', () => response.end(large))
    })
    await startLimpet(t, configWith(folder, [address]))
    const client = await RawClient.connectTo(t, `${folder}/limpet.sock`)
    client.socket.pause()
    client.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${large.length}\r\nConnection: close\r\n\r\n`)
    await new Promise((resolve) => client.socket.write(large, resolve))
    client.socket.resume()
    assert.equal((await client.goodbye()).split('\r\n\r\n')[1]!.length, large.length)
  })

  test('closes the connection where a response breaks off, and serves on', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await rawOrigin(t, (socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'))
    })
    const limpet = await startLimpet(t, { ...configWith(folder, [address]), workers: 1 })
    for (let i = 0; i < 2; i++) {
      const client = await RawClient.connectTo(t, `${folder}/limpet.sock`)
      client.say(GET)
      assert.match(await client.goodbye(), /\r\n\r\nhalf$/)
    }
    await limpet.log.matching(/^unix: .* 200 4 /, 2)
    assert.deepEqual(
      limpet.errors.all.filter((line) => line.includes('died')),
      [],
    )
  })

  test('counts its clients for no address, and within connections in all', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    await startLimpet(t, configWith(folder, [address], { limits: { connectionsPerAddress: 1, connections: 3 } }))
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.connectTo(t, `${folder}/limpet.sock`)
      client.say(GET)
      await client.hear(/^HTTP\/1\.1 200 /)
    }
    assert.match(await (await RawClient.connectTo(t, `${folder}/limpet.sock`)).goodbye(), /^HTTP\/1\.1 503 /)
  })

  test('takes PROXY headers', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const limpet = await startLimpet(t, configWith(folder, [address], {}, { proxyProtocol: true }))
    const client = await RawClient.connectTo(t, `${folder}/limpet.sock`)
    client.say(`PROXY TCP4 192.0.2.7 192.0.2.8 4000 80\r\n${GET}`)
    assert.match(await client.hear(/>/), /\nx-forwarded-for: 192\.0\.2\.7\n/)
    const silent = await RawClient.connectTo(t, `${folder}/limpet.sock`)
    silent.say(GET)
    await silent.goodbye()
    await limpet.errors.find(/listener unix:\S+limpet\.sock: a connection from unix: was closed: it does not begin/)
  })

  test('speaks to servers for itself where it can name no client (PROXY protocol)', async (t) => {
    const folder = await temporaryFolder(t)
    let heard = ''
    const { address } = await rawOrigin(t, (socket) => {
      socket.on('data', (bytes: Buffer) => {
        heard += bytes.toString('latin1')
        socket.write('HTTP/1.1 204 No Content\r\n\r\n')
      })
    })
    const upstreams = { app: { servers: [address], proxyProtocol: 'v1' } }
    await startLimpet(t, configWith(folder, [], { upstreams }))
    await bodyFrom(`${folder}/limpet.sock`)
    assert.match(heard, /^PROXY UNKNOWN\r\nGET \/ /)
  })
})

describe('trustedProxies with unix:', () => {
  const trusting = { trustedProxies: ['unix:'] }

  test('believes whoever comes by a Unix socket, and adds nothing to what it says', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const limpet = await startLimpet(t, configWith(folder, [address], trusting))
    const headers = { 'X-Forwarded-For': '192.0.2.66, 192.0.2.1', 'X-Forwarded-Proto': 'https' }
    const body = await bodyFrom(`${folder}/limpet.sock`, headers)
    assert.match(body, /\nx-forwarded-for: 192\.0\.2\.66, 192\.0\.2\.1\n/)
    assert.match(body, /\nx-forwarded-proto: https\n/)
    await limpet.log.find(/^192\.0\.2\.1 - - /)
    assert.match(await bodyFrom(`${folder}/limpet.sock`), /\nx-forwarded-for: unix:\n/)
    await limpet.log.find(/^unix: - - /)
  })

  test('believes nobody who comes by an address', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const limpet = await startLimpet(t, configWith(folder, [address], trusting))
    const response = await fetch(limpet.url, { headers: { 'X-Forwarded-For': '192.0.2.1' } })
    assert.match(await response.text(), /\nx-forwarded-for: 192\.0\.2\.1, 127\.0\.0\.1\n/)
    await limpet.log.find(/^127\.0\.0\.1 - - /)
  })

  test('is not implied by every address', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const limpet = await startLimpet(t, configWith(folder, [address], { trustedProxies: ['0.0.0.0/0', '::/0'] }))
    await bodyFrom(`${folder}/limpet.sock`, { 'X-Forwarded-For': '192.0.2.1' })
    await limpet.log.find(/^unix: - - /)
  })

  test('continues Forwarded likewise, and says unknown where it names nobody (RFC 7239)', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const limpet = await startLimpet(t, configWith(folder, [address], { ...trusting, clientAddressFrom: 'forwarded' }))
    const named = await bodyFrom(`${folder}/limpet.sock`, { Forwarded: 'for=192.0.2.1;proto=https' })
    assert.match(named, /\nforwarded: for=192\.0\.2\.1;proto=https\n/)
    assert.match(named, /\nx-forwarded-for: 192\.0\.2\.1\n/)
    await limpet.log.find(/^192\.0\.2\.1 - - /)
    const nameless = await bodyFrom(`${folder}/limpet.sock`)
    assert.match(nameless, /\nforwarded: for=unknown\n/)
    assert.match(nameless, /\nx-forwarded-for: unix:\n/)
  })
})

describe("a socket's file", () => {
  for (const [mode, permissions] of [
    [undefined, 0o660],
    ['0600', 0o600],
    [666, 0o666],
  ] as const) {
    test(`has the permissions ${mode ?? 'of the default'}`, async (t) => {
      const folder = await temporaryFolder(t)
      await startLimpet(t, configWith(folder, ['127.0.0.1:9'], {}, { ...(mode && { mode }) }))
      assert.equal(statSync(`${folder}/limpet.sock`).mode & 0o777, permissions)
    })
  }

  test('is gone as soon as the program stops to take clients, and those that it has are served', async (t) => {
    const folder = await temporaryFolder(t)
    let answer = () => {}
    const { server, address } = await httpOrigin(t, (_, response) => {
      answer = () => response.end('late')
    })
    const limpet = await startLimpet(t, configWith(folder, [address]))
    const body = bodyFrom(`${folder}/limpet.sock`)
    await once(server, 'request')
    limpet.process.kill('SIGTERM')
    while (existsSync(`${folder}/limpet.sock`)) await new Promise(setImmediate)
    answer()
    assert.equal(await body, 'late')
    assert.equal(await limpet.exit, 0)
  })

  test('that a killed program left behind is replaced', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const killed = await startLimpet(t, configWith(folder, [address]))
    killed.process.kill('SIGKILL')
    await killed.exit
    assert.ok(statSync(`${folder}/limpet.sock`).isSocket())
    await startLimpet(t, configWith(folder, [address]))
    assert.match(await bodyFrom(`${folder}/limpet.sock`), /x-request-id/)
  })

  test('is taken over while the program before still serves, whose end does not remove it', async (t) => {
    const folder = await temporaryFolder(t)
    let answer = () => {}
    const { server, address } = await httpOrigin(t, ({ url }, response) => {
      if (url === '/new') response.end('new')
      else answer = () => response.end('late')
    })
    const old = await startLimpet(t, configWith(folder, [address]))
    const body = bodyFrom(`${folder}/limpet.sock`)
    await once(server, 'request')
    old.process.kill('SIGTERM')
    while (existsSync(`${folder}/limpet.sock`)) await new Promise(setImmediate)
    await startLimpet(t, configWith(folder, [address]))
    answer()
    assert.equal(await body, 'late')
    await old.exit
    assert.equal(await bodyFrom(`${folder}/limpet.sock`, {}, '/new'), 'new')
  })

  test('on which a program listens is an error, and that program serves on', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await httpOrigin(t, (_, response) => response.end('first'), `${folder}/limpet.sock`)
    const { code, stderr } = await runUntilRefused(folder, configWith(folder, ['127.0.0.1:9']))
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`cannot listen on ${address}: another program listens there`))
    assert.equal(await bodyFrom(`${folder}/limpet.sock`), 'first')
  })

  test('that is another file is an error, and stays', async (t) => {
    const folder = await temporaryFolder(t)
    await writeFile(`${folder}/limpet.sock`, 'precious')
    const { code, stderr } = await runUntilRefused(folder, configWith(folder, ['127.0.0.1:9']))
    assert.equal(code, 1)
    assert.match(stderr, /cannot listen on unix:\S+: a file that is not a socket is there/)
    assert.equal(await readFile(`${folder}/limpet.sock`, 'utf8'), 'precious')
  })

  test('whose directory is missing is an error', async (t) => {
    const folder = await temporaryFolder(t)
    const { code, stderr } = await runUntilRefused(folder, configWith(`${folder}/none`, ['127.0.0.1:9']))
    assert.equal(code, 1)
    assert.match(stderr, /cannot listen on unix:\S+: there is no such directory, or it cannot be written/)
  })
})

async function runUntilRefused(folder: string, config: unknown) {
  const file = join(folder, 'limpet.yaml')
  await writeFile(file, JSON.stringify(config))
  return runLimpet(['run', '-c', file], { STATE_DIRECTORY: join(folder, 'state') })
}

describe('several workers', () => {
  test('divide Unix sockets among them, one each in turn', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const paths = [1, 2, 3].map((index) => `${folder}/${index}.sock`)
    const listeners = [{ address: '127.0.0.1', port: 0 }, ...paths.map((path) => ({ address: `unix:${path}` }))]
    const limpet = await startLimpet(t, configWith(folder, [address], { listeners, admin: { port: 0 } }))
    for (const path of paths) assert.match(await bodyFrom(path), /x-request-id/)
    assert.equal((await fetch(limpet.url)).status, 200)
  })

  test('replace one that dies, and the new one listens on its sockets', async (t) => {
    const folder = await temporaryFolder(t)
    const { address } = await echo(t)
    const workers: Worker[] = []
    const note = (worker: Worker) => workers.push(worker)
    process.on('worker', note)
    const config = { ...configWith(folder, [address]), stateDirectory: folder, accessLog: 'off' }
    const balancer = await Balancer.start(
      parseConfig(JSON.stringify(config), 'test', {}),
      pino({ base: null }, { write: () => {} }),
    )
    t.after(async () => {
      process.off('worker', note)
      await balancer.stop()
      assert.ok(!existsSync(`${folder}/limpet.sock`))
    })
    const replaced = once(process, 'worker')
    workers[0]!.terminate()
    const [successor] = (await replaced) as [Worker]
    await once(successor, 'message')
    assert.match(await bodyFrom(`${folder}/limpet.sock`), /x-request-id/)
    assert.equal(statSync(`${folder}/limpet.sock`).mode & 0o777, 0o660)
  })
})

test('limpet healthcheck asks on the socket, and limpet status names it', async (t) => {
  const folder = await temporaryFolder(t)
  const file = join(folder, 'limpet.yaml')
  const config = configWith(folder, ['127.0.0.1:9'], { admin: { port: 0 } })
  const listeners = [config.listeners[1], config.listeners[0]]
  await writeFile(file, JSON.stringify({ ...config, listeners }))
  const before = await runLimpet(['healthcheck', '-c', file])
  assert.deepEqual(
    [before.code, before.stdout.split(': connect')[0]],
    [1, `unhealthy: unix:${folder}/limpet.sock does not answer`],
  )
  const limpet = await startLimpet(t, { ...config, listeners })
  const { code, stdout } = await runLimpet(['healthcheck', '-c', file])
  assert.deepEqual([code, stdout], [0, `healthy: unix:${folder}/limpet.sock answers (400)`])
  const [, place] = await limpet.errors.find(/admin API answers on (\S+)/)
  const { listeners: told } = (await (await fetch(`http://${place}/v1/status`)).json()) as { listeners: unknown }
  assert.deepEqual(told, [
    { address: `unix:${folder}/limpet.sock`, port: null },
    { address: '127.0.0.1', port: limpet.port },
  ])
  const status = await runLimpet(['status', '--url', place!])
  assert.match(status.stdout, new RegExp(`listening on unix:${folder}/limpet\\.sock, 127\\.0\\.0\\.1:${limpet.port}`))
})

test('curl --unix-socket is served', async (t) => {
  const folder = await temporaryFolder(t)
  const { address } = await echo(t)
  await startLimpet(t, configWith(folder, [address]))
  const curl = spawn('curl', ['-s', '--unix-socket', `${folder}/limpet.sock`, 'http://app.example/x'])
  assert.match(await text(curl.stdout), /host: app\.example\n/)
})

test('PORT and --port replace a port, not a socket', async (t) => {
  const folder = await temporaryFolder(t)
  const file = join(folder, 'limpet.yaml')
  const config = configWith(folder, ['127.0.0.1:9'])
  await writeFile(file, JSON.stringify({ ...config, listeners: config.listeners.slice(1) }))
  const { code, stderr } = await runLimpet(['check', '-c', file], { PORT: '80' })
  assert.equal(code, 1)
  assert.match(stderr, /^PORT: expected a listener with a port, which it replaces, found unix:\S+ \(unset PORT, or/)
})
