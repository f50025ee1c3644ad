/** Who is to blame where an exchange fails: a server, and when it is not the server. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin, rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** Limpet in front of servers in turn, with nginx's defaults: one failure takes a server out for 10 s. */
function balancing(t: TestContext, servers: readonly (string | object)[], settings: object = {}) {
  return startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { balance: 'round-robin', servers, ...settings } },
  })
}

type Running = Awaited<ReturnType<typeof balancing>>

/** Both servers serve, one after the other, and nobody was told that one is out. */
async function assertNobodyIsOut(t: TestContext, limpet: Running, servers: readonly Origin[]): Promise<void> {
  const asked = limpet.log.all.length
  const client = await RawClient.connect(t, limpet.port)
  for (let i = 0; i < servers.length; i++) {
    client.say('GET /ok HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await client.take(/\r\n\r\n../), /^HTTP\/1.1 200 /)
  }
  await limpet.log.matching(/"GET \/ok /, servers.length)
  const lines = limpet.log.all.slice(asked).filter((line) => line.includes('"GET /ok '))
  for (const { address } of servers)
    assert.ok(
      lines.some((line) => line.includes(` ${address} 200 `)),
      `${address}: ${lines}`,
    )
  assert.doesNotMatch(limpet.errors.all.join('\n'), /is suspended/)
}

/** Servers that answer /ok, and anything else as they are told. */
function servers(t: TestContext, count: number, converse: (socket: Socket, heard: string) => void): Promise<Origin[]> {
  return Promise.all(
    Array.from({ length: count }, () =>
      rawOrigin(t, (socket) => {
        socket.on('data', (bytes) => {
          const heard = bytes.toString('latin1')
          if (heard.startsWith('GET /ok ')) socket.write(OK)
          else converse(socket, heard)
        })
      }),
    ),
  )
}

describe('an upload that the server does not want', () => {
  /** Answers at the first byte of an upload, and closes with the rest of it unread. */
  function earlyOrigin(t: TestContext, answer: string): Promise<Origin> {
    return rawOrigin(t, (socket) => {
      socket.once('data', (bytes) => {
        if (bytes.toString('latin1').startsWith('GET')) return void socket.on('data', () => socket.write(OK)).write(OK)
        socket.pause()
        socket.write(answer, () => socket.destroy())
      })
    })
  }

  for (const [framing, answer] of Object.entries({
    'of a stated length': 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large',
    'in chunks': 'HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ntoo large\r\n0\r\n\r\n',
    'that ends with the connection': 'HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\ntoo large',
  })) {
    test(`gets its early answer ${framing} to the client, and no server is blamed`, async (t) => {
      const origins = [await earlyOrigin(t, answer), await earlyOrigin(t, answer)]
      const limpet = await balancing(
        t,
        origins.map(({ address }) => address),
      )
      for (let i = 0; i < 20; i++) {
        const client = await RawClient.connect(t, limpet.port)
        client.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n')
        client.socket.write(Buffer.alloc(10_000_000))
        assert.match(await client.hear(/too large/), /^HTTP\/1.1 413 [\s\S]*\r\n\r\n[\s\S]*too large/)
        client.socket.destroy()
      }
      await assertNobodyIsOut(t, limpet, origins)
    })
  }

  test('and that the kernel has taken whole blames nobody either, since a reset shows that it was not read', async (t) => {
    const closes = (socket: Socket) => {
      socket.pause()
      socket.destroy()
    }
    const origins = await servers(t, 2, closes)
    const limpet = await balancing(
      t,
      origins.map(({ address }) => address),
    )
    for (let i = 0; i < 4; i++) {
      const client = await RawClient.connect(t, limpet.port)
      client.say('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n')
      client.socket.write(Buffer.alloc(500_000))
      assert.match(await client.hear(/<\/html>/), /^HTTP\/1.1 502 /)
      client.socket.destroy()
    }
    await assertNobodyIsOut(t, limpet, origins)
  })

  test('and whose connection has to be made anew is sent from its head on', async (t) => {
    const beginnings: string[] = []
    const origin = await rawOrigin(t, (socket) => {
      let isFirst = true
      let heard = ''
      socket.on('data', (bytes) => {
        if (heard === '') beginnings.push(bytes.toString('latin1').slice(0, 4))
        heard += bytes.toString('latin1')
        // Each connection answers a GET, and is gone when it is used again.
        if (heard.startsWith('GET ') && isFirst) socket.write(OK)
        else if (heard.startsWith('GET ')) socket.resetAndDestroy()
        else if (heard.endsWith('0\r\n\r\n')) socket.end(OK)
        isFirst = false
      })
    })
    const limpet = await balancing(t, [origin.address])
    for (let i = 0; i < 40; i++) {
      const client = await RawClient.connect(t, limpet.port)
      client.say(GET)
      await client.take(/ok$/)
      client.say('PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
      setImmediate(() => client.say('4\r\nabcd\r\n0\r\n\r\n'))
      assert.match(await client.hear(/ok$|<\/html>/), /^HTTP\/1.1 /)
      client.socket.destroy()
    }
    for (const beginning of beginnings) assert.match(beginning, /^(GET |PUT )$/)
  })

  test('and that stalls until the server gives up is a 502, for which no server is blamed', async (t) => {
    const origins = await servers(t, 2, (socket, heard) => heard.includes('half') && socket.destroy())
    const limpet = await balancing(
      t,
      origins.map(({ address }) => address),
    )
    for (let i = 0; i < 2; i++) {
      const client = await RawClient.connect(t, limpet.port)
      client.say('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
      assert.match(await client.goodbye(), /^HTTP\/1.1 502 /)
    }
    await assertNobodyIsOut(t, limpet, origins)
  })
})

describe('an answer that cannot be understood', () => {
  for (const [fault, answer] of Object.entries({
    'a control character in a field': 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n',
    'a folded field': 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n',
    'too many fields': `HTTP/1.1 200 OK\r\n${'X: a\r\n'.repeat(300)}\r\n`,
    'a head beyond the limit': `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`,
    'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  })) {
    test(`for ${fault} is a 502, and takes no server out`, async (t) => {
      const origins = await servers(t, 2, (socket) => socket.write(answer))
      const limpet = await balancing(
        t,
        origins.map(({ address }) => address),
      )
      for (let i = 0; i < 3; i++) {
        const client = await RawClient.connect(t, limpet.port)
        client.say(GET)
        assert.match(await client.hear(/makes no sense/), /^HTTP\/1.1 502 /)
      }
      await assertNobodyIsOut(t, limpet, origins)
    })
  }

  test('within its body breaks off the client, and takes no server out', async (t) => {
    const begun: Socket[] = []
    const origins = await servers(t, 2, (socket) => {
      begun.push(socket)
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
    })
    const limpet = await balancing(
      t,
      origins.map(({ address }) => address),
    )
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET)
    await client.hear(/half\r\n$/)
    begun[0]!.write('zz\r\n')
    assert.match(await client.goodbye(), /4\r\nhalf\r\n$/)
    await assertNobodyIsOut(t, limpet, origins)
  })

  test('counts as a bad answer where servers are judged by their answers', async (t) => {
    const origins = await servers(t, 3, (socket) => socket.write('nonsense\r\n\r\n'))
    const limpet = await balancing(
      t,
      origins.map(({ address }) => address),
      { health: { outlier: { consecutive5xx: 2 } } },
    )
    const client = await RawClient.connect(t, limpet.port)
    for (let i = 0; i < 6; i++) {
      client.say(GET)
      await client.take(/makes no sense[\s\S]*<\/html>\s$/)
    }
    await limpet.errors.find(/is ejected for/)
    assert.doesNotMatch(limpet.errors.all.join('\n'), /is suspended/)
  })
})

describe('a request that makes servers close the connection', () => {
  test('is tried on two and no more, and neither is blamed', async (t) => {
    let poisoned = 0
    const origins = await servers(t, 4, (socket) => {
      poisoned++
      socket.destroy()
    })
    const limpet = await balancing(
      t,
      origins.map(({ address }) => address),
    )
    const client = await RawClient.connect(t, limpet.port)
    client.say('GET /poison HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await client.take(/<\/html>\s$/), /^HTTP\/1.1 502 /)
    assert.equal(poisoned, 2)
    await assertNobodyIsOut(t, limpet, origins)
  })

  test('is not what two dead servers among many make of any request', async (t) => {
    const dead = await Promise.all([rawOrigin(t, () => {}), rawOrigin(t, () => {})])
    for (const origin of dead) await origin.kill()
    const [good] = await servers(t, 1, (socket) => socket.write(OK))
    const limpet = await balancing(
      t,
      [...dead, good!].map(({ address }) => address),
    )
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET)
    assert.match(await client.hear(/ok$/), /^HTTP\/1.1 200 /)
  })

  test('blames the server if another one answers it', async (t) => {
    const bad = await rawOrigin(t, (socket) => socket.on('data', () => socket.destroy()))
    const [good] = await servers(t, 1, (socket) => socket.write(OK))
    const limpet = await balancing(
      t,
      [bad, good!].map(({ address }) => address),
    )
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET)
    assert.match(await client.hear(/ok$/), /^HTTP\/1.1 200 /)
    await limpet.errors.find(new RegExp(`server ${bad.address} is suspended for 10 s \\(no-answer`))
  })
})

test('a body that Limpet holds whole is sent again for an idempotent method, and not for another', async (t) => {
  const bad = await rawOrigin(t, (socket) => socket.on('data', () => socket.destroy()))
  const heard: string[] = []
  const good = await rawOrigin(t, (socket) =>
    socket.on('data', (bytes) => {
      heard.push(bytes.toString('latin1'))
      socket.write(OK)
    }),
  )
  const body = 'x'.repeat(16 * 1024)
  for (const [method, status] of [
    ['PUT', 200],
    ['POST', 502],
  ] as const) {
    const limpet = await balancing(t, [bad.address, good.address])
    const client = await RawClient.connect(t, limpet.port)
    client.say(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    assert.match(await client.hear(/ok$|<\/html>/), new RegExp(`^HTTP/1.1 ${status} `))
  }
  assert.equal(heard.length, 1)
  assert.ok(heard[0]!.endsWith(`\r\n\r\n${body}`))
})

describe('servers that all have failed', () => {
  test('are tried all the same, and serve as soon as they are back', async (t) => {
    const origins = await servers(t, 3, (socket) => socket.write(OK))
    const limpet = await balancing(
      t,
      origins.map(({ address }) => address),
    )
    const ask = async () => {
      const client = await RawClient.connect(t, limpet.port)
      client.say(GET)
      return client.hear(/ok$|<\/html>/)
    }
    assert.match(await ask(), /^HTTP\/1.1 200 /)
    for (const origin of origins) await origin.kill()
    assert.match(await ask(), /^HTTP\/1.1 502 /)
    for (const { address } of origins) await limpet.errors.find(new RegExp(`server ${address} is suspended`))
    assert.match(await ask(), /^HTTP\/1.1 502 /)
    for (const origin of origins) await origin.revive()
    for (let i = 0; i < 20; i++) assert.match(await ask(), /^HTTP\/1.1 200 /)
  })

  test('let requests wait where they are full', async (t) => {
    const origins = await servers(t, 2, (socket) => setImmediate(() => socket.write(OK)))
    const limpet = await balancing(
      t,
      origins.map(({ address }) => ({ address, maxConnections: 1 })),
    )
    const ask = async () => {
      const client = await RawClient.connect(t, limpet.port)
      client.say(GET)
      return client.hear(/ok$|<\/html>/)
    }
    for (const origin of origins) await origin.kill()
    assert.match(await ask(), /^HTTP\/1.1 502 /)
    for (const origin of origins) await origin.revive()
    for (const answer of await Promise.all(Array.from({ length: 20 }, ask))) assert.match(answer, /^HTTP\/1.1 200 /)
  })

  test('keep the sessions that they have', async (t) => {
    const origins = await servers(t, 3, (socket) => socket.write(OK))
    const limpet = await balancing(
      t,
      origins.map(({ address }) => address),
      { affinity: 'cookie' },
    )
    const client = await RawClient.connect(t, limpet.port)
    client.say(GET)
    const [, cookie] = /Set-Cookie: ([^;]+)/.exec(await client.take(/ok$/))!
    const [, home] = await limpet.log.find(/ (\S+) 200 \S+ new$/)
    for (const origin of origins) await origin.kill()
    client.say(GET)
    assert.match(await client.take(/<\/html>\s$/), /^HTTP\/1.1 502 /)
    for (const origin of origins) await origin.revive()
    client.say(`GET /back HTTP/1.1\r\nHost: a\r\nCookie: ${cookie}\r\n\r\n`)
    assert.match(await client.take(/ok$/), /^HTTP\/1.1 200 /)
    await limpet.log.find(new RegExp(`"GET /back .* ${home} 200 \\S+ stuck$`))
  })
})

describe('a process that may open few files', () => {
  test('says so once, answers whom it let in, and blames no server, neither for requests nor for checks', async (t) => {
    const origins = await Promise.all([origin(t), origin(t)])
    const limpet = await startLimpet(
      t,
      {
        listeners: [{ address: '127.0.0.1', port: 0 }],
        workers: 1,
        routes: [{ path: '/*', upstream: 'app' }],
        upstreams: {
          app: {
            servers: origins.map(({ address }) => address),
            health: { check: { type: 'http', path: '/', interval: '100ms', fall: 1 } },
          },
        },
      },
      { openFiles: 90 },
    )
    const clients = await Promise.all(Array.from({ length: 120 }, () => RawClient.connect(t, limpet.port)))
    await limpet.errors.find(/limit of 90 .*EMFILE.*ulimit -n/)
    const [first] = clients
    for (let i = 0; i < 10; i++) {
      first!.say(GET)
      assert.match(await first!.take(/ok$|<\/html>\s$/), /^HTTP\/1.1 (200|503) /)
    }
    await Promise.all(origins.map((each) => each.asked(5)))
    const complaints = limpet.errors.all.join('\n')
    assert.equal(complaints.match(/EMFILE/g)?.length, 1)
    assert.doesNotMatch(complaints, /suspended|is down/)
  })

  async function origin(t: TestContext) {
    let requests = 0
    const listener: RequestListener = (_request, response) => {
      requests++
      response.end('ok')
    }
    const { server, address } = await httpOrigin(t, listener)
    const asked = async (times: number) => {
      const until = requests + times
      while (requests < until) await once(server, 'request')
    }
    return { address, asked }
  }
})

test('a process that stood still for long gives everyone the time that they had left', async (t) => {
  const waiting = createServer()
  const held: (() => void)[] = []
  const slow = await httpOrigin(t, (_request, response) => {
    held.push(() => response.end('ok'))
    waiting.emit('held')
  })
  const other = await httpOrigin(t, (_request, response) => response.end('ok'))
  const limpet = await balancing(t, [slow.address, other.address], {
    balance: 'round-robin',
    timeouts: { firstByte: '1s' },
    health: { check: { type: 'http', path: '/', interval: '200ms', timeout: '500ms', fall: 1 } },
  })
  const client = await RawClient.connect(t, limpet.port)
  client.say(GET)
  while (held.length < 2) await once(waiting, 'held')
  limpet.process.kill('SIGSTOP')
  // Nothing but time can show that a deadline has passed.
  const clock = createTcpServer()
  setTimeout(() => clock.emit('later'), 3000)
  await once(clock, 'later')
  for (const answer of held) answer()
  limpet.process.kill('SIGCONT')
  assert.match(await client.take(/ok$|<\/html>\s$/), /^HTTP\/1.1 200 /)
  assert.doesNotMatch(limpet.errors.all.join('\n'), /suspended|is down/)
})
