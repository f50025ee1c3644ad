/** Servers that fail in every way and at every moment, and what the client sees. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, type TestContext, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { ScriptedOrigin } from '../support/scripted-origin.ts'
import { sharedLimpet } from '../support/shared-limpet.ts'
import { throughTo } from '../support/through.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Servers, tried in this order. */
const inTurn = (...servers: readonly string[]) => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 1
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { balance: round-robin, servers: [${servers.join(', ')}] } }
`

/** An address that refuses connections. */
async function refusing(test: TestContext): Promise<string> {
  const origin = await rawOrigin(test, () => {})
  await origin.kill()
  return origin.address
}

function good(test: TestContext): Promise<Origin> {
  return httpOrigin(test, (request, response) => {
    request.resume().on('end', () => response.end('good'))
  })
}

async function ask(test: TestContext, port: number, request: string): Promise<string> {
  const client = await RawClient.connect(test, port)
  client.say(request)
  return client.goodbye()
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody'

describe('a server that cannot be reached', () => {
  for (const [name, message] of Object.entries({ GET, POST })) {
    test(`does not fail a ${name}: the next server gets it`, async (t) => {
      const [away, origin] = [await refusing(t), await good(t)]
      const limpet = await sharedLimpet(inTurn(away, origin.address))
      assert.match(await ask(t, limpet.port, message), /^HTTP\/1.1 200 [\s\S]*good/)
      const [line] = await limpet.log.matching(/ retry$/, 1)
      assert.ok(line!.includes(`${away}, ${origin.address} 502, 200 `), line!)
      await limpet.errors.find(new RegExp(`server ${away} is suspended for 10 s \\(connect-failed: .*ECONNREFUSED`))
      await ask(t, limpet.port, message)
      await limpet.log.matching(new RegExp(`"-" ${origin.address} 200 .* new$`), 1)
    })
  }

  test('is a 502 if there is no other, and a 503 with Retry-After if all are disabled', async (t) => {
    const failing = await startLimpet(t, inTurn(await refusing(t), await refusing(t)))
    for (let i = 0; i < 3; i++) assert.match(await ask(t, failing.port, GET), /^HTTP\/1.1 502 Bad Gateway\r\n/)
    const limpet = await startLimpet(t, inTurn(`{ address: ${await refusing(t)}, down: true }`))
    const answer = await ask(t, limpet.port, GET)
    assert.match(answer, /^HTTP\/1.1 503 Service Unavailable\r\n[\s\S]*\r\nRetry-After: \d+\r\n/)
  })

  test('is a 504 after timeouts.connect', async (t) => {
    const address = await deaf(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${address}], timeouts: { connect: 200ms } } }
    `
    const limpet = await sharedLimpet(config)
    assert.match(await ask(t, limpet.port, GET), /^HTTP\/1.1 504 Gateway Timeout\r\n/)
    await limpet.log.matching(new RegExp(` 504 \\d+ "-" "-" ${address} 504 `), 1)
  })
})

/** An address that neither accepts nor refuses connections: a stopped process with a full queue. */
async function deaf(test: TestContext): Promise<string> {
  const program = `require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    console.log(this.address().port)
  })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  test.after(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  child.kill('SIGSTOP')
  const port = Number(line)
  for (let i = 0; i < 2; i++) await RawClient.connect(test, port)
  return `127.0.0.1:${port}`
}

describe('a server that breaks off', () => {
  for (const [moment, breakOff] of Object.entries({
    'before its answer': (say: (text: string) => void) => say(''),
    "within its answer's head": (say: (text: string) => void) => say('HTTP/1.1 200 OK\r\nContent-'),
  })) {
    test(`${moment} does not fail a GET: the next server gets it`, async (t) => {
      const bad = await rawOrigin(t, (socket) =>
        socket.once('data', () => {
          breakOff((text) => socket.write(text))
          setImmediate(() => socket.resetAndDestroy())
        }),
      )
      const origin = await good(t)
      const limpet = await sharedLimpet(inTurn(bad.address, origin.address))
      assert.match(await ask(t, limpet.port, GET), /^HTTP\/1.1 200 [\s\S]*good/)
    })

    test(`${moment} is a 502 for a POST, which is not sent twice`, async (t) => {
      let heard = 0
      const bad = await rawOrigin(t, (socket) =>
        socket.once('data', () => {
          heard++
          breakOff((text) => socket.write(text))
          setImmediate(() => socket.resetAndDestroy())
        }),
      )
      const origin = await good(t)
      const limpet = await sharedLimpet(inTurn(bad.address, origin.address))
      assert.match(await ask(t, limpet.port, POST), /^HTTP\/1.1 502 /)
      assert.equal(heard, 1)
    })
  }

  test('within a body breaks off the client too, which could not tell otherwise', async (t) => {
    const { origin, client, limpet } = await throughTo(t)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request()
    origin.say('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
    await client.hear(/half$/)
    origin.reset()
    assert.match(await client.goodbye(), /half$/)
    await limpet.log.matching(/ 200 4 /, 1)
  })

  test('on an idle connection from the pool is not seen by the client', async (t) => {
    let connections = 0
    const origin = await rawOrigin(t, (socket) => {
      const mine = ++connections
      let requests = 0
      socket.on('data', () => {
        // The first connection answers once, then closes when it is used again.
        if (mine === 1 && ++requests === 2) socket.resetAndDestroy()
        else socket.write(OK)
      })
    })
    const limpet = await sharedLimpet(inTurn(origin.address, `{ address: ${await refusing(t)}, down: true }`))
    const client = await RawClient.connect(t, limpet.port)
    for (let i = 0; i < 3; i++) {
      client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      assert.match(await client.take(/ok$/), /^HTTP\/1.1 200 OK/)
    }
    assert.equal(connections, 2)
    assert.doesNotMatch(limpet.errors.all.join('\n'), /suspended/)
  })
})

describe('a server that is too slow', () => {
  test('to begin its answer is a 504', async (t) => {
    const origin = await ScriptedOrigin.start(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}], timeouts: { firstByte: 200ms } } }
    `
    const limpet = await sharedLimpet(config)
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET)
    await origin.request()
    assert.match(await client.goodbye(), /^HTTP\/1.1 504 Gateway Timeout\r\n/)
  })

  test('to continue its answer breaks off the client', async (t) => {
    const origin = await ScriptedOrigin.start(t)
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}], timeouts: { idle: 200ms } } }
    `
    const limpet = await sharedLimpet(config)
    const client = await RawClient.connect(t, limpet.port)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request()
    origin.say('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
    assert.match(await client.goodbye(), /half$/)
  })
})

describe('a server that is killed under load', () => {
  test('fails no request; its users move, and return when it does', async (t) => {
    const server = (index: number) => httpOrigin(t, (_request, response) => response.end(`server-${index}`))
    const origins = [await server(0), await server(1), await server(2)] as const
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          balance: ip-hash
          servers:
            - { address: ${origins[0].address}, failTimeout: 1s }
            - { address: ${origins[1].address}, failTimeout: 1s }
            - { address: ${origins[2].address}, failTimeout: 1s }
    `
    const limpet = await sharedLimpet(config)
    const home = Number((await ask(t, limpet.port, GET)).at(-1))

    let stop = false
    const seen: string[] = []
    const user = async () => {
      const client = await RawClient.connect(t, limpet.port)
      while (!stop) {
        client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        seen.push(await client.take(/server-\d$/))
      }
    }
    const users = Promise.all(Array.from({ length: 20 }, user))
    await limpet.log.matching(/ stuck$/, 200)
    await origins[home]!.kill()
    await limpet.log.matching(/ moved:down$/, 200)
    await origins[home]!.revive()
    const away = limpet.log.all.length
    while (!limpet.log.all.slice(away).some((line) => line.endsWith(' stuck')))
      await limpet.log.matching(/./, limpet.log.all.length + 1)
    const back = limpet.log.all.filter((line) => line.endsWith(' stuck')).length
    await limpet.log.matching(/ stuck$/, back + 200)
    stop = true
    await users
    for (const answer of seen) assert.match(answer, /^HTTP\/1.1 200 /)
    assert.equal(seen.at(-1)!.at(-1), String(home))
    await limpet.errors.find(new RegExp(`server ${origins[home]!.address} is suspended`))
  })
})

describe('a client that disconnects', () => {
  test('is logged as 499, and its request to the server is broken off', async (t) => {
    const { origin, client, limpet } = await throughTo(t)
    client.say('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await origin.request()
    const closed = new Promise((resolve) => origin.socket.once('close', resolve))
    client.socket.resetAndDestroy()
    await limpet.log.matching(/"GET \/slow HTTP\/1.1" 499 0 /, 1)
    origin.socket.end()
    await closed
  })

  test('in the middle of its body ends the request to the server', async (t) => {
    const { origin, client, limpet } = await throughTo(t)
    client.say(`POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(50_000)}half`)
    await origin.request(/half$/)
    const ended = new Promise((resolve) => origin.socket.once('close', resolve))
    client.socket.end()
    await limpet.log.matching(/"POST \/half HTTP\/1.1" 499 /, 1)
    origin.socket.end()
    await ended
  })

  test('before its small body is complete reaches no server', async (t) => {
    const { client, limpet } = await throughTo(t)
    client.say('POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf')
    client.socket.end()
    await limpet.log.find(/"POST \/half HTTP\/1.1" 499 0 "-" "-" - - /)
  })

  test('its sending half only, after its request, still gets its answer', async (t) => {
    const { origin, client } = await throughTo(t)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    client.socket.end()
    await origin.request()
    origin.say(OK)
    assert.match(await client.goodbye(), /ok$/)
  })
})
