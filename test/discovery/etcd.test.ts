import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { EtcdSource } from '../../src/config/sources/etcd.ts'
import { etcdProvider } from '../../src/discovery/etcd.ts'
import { Etcd, testWithEtcd } from '../support/etcd.ts'
import { inLines, Watched } from '../support/watched.ts'

function watch(
  test: TestContext,
  endpoints: string | readonly string[],
  settings: object = {},
  look?: number,
): Watched {
  const source = EtcdSource.parse({ from: 'etcd', prefix: '/app/', endpoints, ...settings })
  return new Watched(test, etcdProvider(source, look))
}

testWithEtcd('finds the keys below the prefix, and each change as it happens', async (t) => {
  const etcd = await Etcd.start(t)
  await etcd.put('/app/web-1', '10.0.0.1:8080')
  await etcd.put('/app/web-2', { address: '[2001:db8::2]:8080', weight: 3, state: 'drain' })
  await etcd.put('/app0', '10.0.0.9:80')
  await etcd.put('/ap', '10.0.0.9:80')
  const watched = watch(t, etcd.url)
  const first = await watched.next()
  assert.deepEqual(first, {
    servers: [
      { id: 'web-1', name: 'web-1', address: '10.0.0.1:8080' },
      { id: 'web-2', name: 'web-2', address: '[2001:db8::2]:8080', state: 'drain', settings: { weight: 3 } },
    ],
    mistakes: [],
  })
  await etcd.put('/app/web-3', '10.0.0.3:8080')
  assert.equal((await watched.next()).servers.length, 3)
  await etcd.put('/app/web-1', '10.0.0.7:8080')
  assert.equal(inLines(await watched.next())[0], 'web-1 10.0.0.7:8080')
  await etcd.delete('/app/web-1')
  assert.deepEqual(inLines(await watched.next()), ['web-2 [2001:db8::2]:8080 drain', 'web-3 10.0.0.3:8080'])
  await etcd.put('/app0', '10.0.0.8:80')
  await etcd.put('/app/web-3', ' 10.0.0.3:8080\n')
  assert.equal(await watched.isQuietFor(200), true)
})

testWithEtcd('what changes at once is one list', async (t) => {
  const etcd = await Etcd.start(t)
  const watched = watch(t, etcd.url)
  assert.deepEqual((await watched.next()).servers, [])
  await etcd.putAll([
    ['/app/a', '10.0.0.1:80'],
    ['/app/b', '10.0.0.2:80'],
  ])
  assert.equal((await watched.next()).servers.length, 2)
})

testWithEtcd('a value that cannot be used is a mistake until it is right', async (t) => {
  const etcd = await Etcd.start(t)
  await etcd.put('/app/right', '10.0.0.1:80')
  await etcd.put('/app/port', '10.0.0.1:http')
  await etcd.put('/app/json', '{"address": ')
  await etcd.put('/app/key', { address: '10.0.0.1:80', wieght: 2 })
  await etcd.put('/app/weight', { address: '10.0.0.1:80', weight: 0 })
  await etcd.put('/app/state', { address: '10.0.0.1:80', state: 'gone' })
  await etcd.put('/app/none', '')
  await etcd.put('/app/', '10.0.0.1:80')
  const watched = watch(t, etcd.url)
  const { servers, mistakes } = await watched.next()
  assert.deepEqual(inLines({ servers }), ['right 10.0.0.1:80'])
  const said = mistakes.map(
    ({ where, message, hint }) => `${where}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
  )
  assert.equal(said.length, 7)
  assert.match(said[0]!, /^key \/app\/: expected the name of a server after the prefix, found nothing$/)
  assert.match(said[1]!, /^key \/app\/json: expected host:port or JSON: /)
  assert.match(said[2]!, /^key \/app\/key: wieght: unknown key, .* \(did you mean weight\?\)$/)
  assert.match(said[3]!, /^key \/app\/none: expected host:port, such as 172\.17\.0\.2:80, found ""/)
  assert.match(said[4]!, /^key \/app\/port: expected host:port/)
  assert.match(said[5]!, /^key \/app\/state: state: expected ready, drain, away or down, found "?gone"?$/)
  assert.match(said[6]!, /^key \/app\/weight: weight: expected a whole number from 1 to 65535, found 0$/)
  for (const key of ['', 'json', 'key', 'none', 'state', 'weight']) await etcd.delete(`/app/${key}`)
  await etcd.put('/app/port', '10.0.0.1:81')
  const list = await watched.until(({ mistakes }) => mistakes.length === 0)
  assert.deepEqual(inLines(list), ['port 10.0.0.1:81', 'right 10.0.0.1:80'])
})

testWithEtcd('of two keys with the same name, the first keeps it', async (t) => {
  const etcd = await Etcd.start(t)
  await etcd.put('/app/web-1', { address: '10.0.0.1:80', name: 'web' })
  await etcd.put('/app/web-2', { address: '10.0.0.2:80', name: 'web' })
  const list = await watch(t, etcd.url).next()
  assert.deepEqual(inLines(list), ['web 10.0.0.1:80'])
  assert.deepEqual(list.mistakes, [
    { where: 'key /app/web-2', message: 'expected each name once, found web again', hint: 'give it another name' },
  ])
})

testWithEtcd('a key goes with its lease', async (t) => {
  const etcd = await Etcd.start(t)
  await etcd.put('/app/web-1', '10.0.0.1:80', await etcd.lease(1))
  const watched = watch(t, etcd.url)
  assert.equal((await watched.next()).servers.length, 1)
  assert.deepEqual((await watched.next()).servers, [])
})

testWithEtcd('fails while etcd restarts, and then has all that changed', async (t) => {
  const etcd = await Etcd.start(t)
  await etcd.put('/app/web-1', '10.0.0.1:80')
  const watched = watch(t, etcd.url)
  await watched.next()
  const failed = assert.rejects(watched.next(), /127\.0\.0\.1:\d+ refuses connections/)
  await etcd.end()
  await failed
  await etcd.begin()
  await etcd.put('/app/web-2', '10.0.0.2:80')
  await etcd.delete('/app/web-1')
  await etcd.compact()
  assert.deepEqual(inLines(await watch(t, etcd.url).next()), ['web-2 10.0.0.2:80'])
})

testWithEtcd('goes on with another member where one ends, and fails where the others are lost', async (t) => {
  const etcd = await Etcd.start(t, { members: 3 })
  await etcd.put('/app/web-1', '10.0.0.1:80')
  const watched = watch(t, etcd.urls, {}, 500)
  await watched.next()
  const next = watched.next()
  await etcd.end(0)
  await etcd.put('/app/web-2', '10.0.0.2:80')
  assert.deepEqual(inLines(await next), ['web-1 10.0.0.1:80', 'web-2 10.0.0.2:80'])
  const failed = assert.rejects(
    watched.until(() => false),
    /127\.0\.0\.1:\d+ (?:does not answer within|answered)/,
  )
  await etcd.end(2)
  await failed
})

testWithEtcd('1,000 keys are one list, and a change of one is another', async (t) => {
  const etcd = await Etcd.start(t)
  const keys = Array.from(
    { length: 1000 },
    (_, index) => [`/app/web-${index}`, `10.0.${index >> 8}.${index & 255}:80`] as const,
  )
  for (let from = 0; from < keys.length; from += 100) await etcd.putAll(keys.slice(from, from + 100))
  const watched = watch(t, etcd.url)
  assert.equal((await watched.next()).servers.length, 1000)
  await etcd.put('/app/web-7', '10.9.9.9:80')
  const { servers } = await watched.next()
  assert.equal(servers.find(({ id }) => id === 'web-7')?.address, '10.9.9.9:80')
})

describe('where etcd demands users', () => {
  const users = { limpet: 'correct' }

  testWithEtcd('signs in', async (t) => {
    const etcd = await Etcd.start(t)
    await etcd.put('/app/web-1', '10.0.0.1:80')
    await etcd.demandUsers(users, '/app/', '/app0')
    const watched = watch(t, etcd.url, { user: 'limpet', password: 'correct' })
    assert.equal((await watched.next()).servers.length, 1)
    await etcd.putAsRoot('/app/web-2', '10.0.0.2:80')
    assert.equal((await watched.next()).servers.length, 2)
  })

  testWithEtcd('goes on once etcd has forgotten that it is signed in', async (t) => {
    const etcd = await Etcd.start(t, { args: ['--auth-token-ttl=1'] })
    await etcd.demandUsers(users, '/app/', '/app0')
    // It is asked whether it knows the truth when the token is over, and again.
    const watched = watch(t, etcd.url, { user: 'limpet', password: 'correct' }, 2500)
    await watched.next()
    assert.equal(await watched.isQuietFor(5500), true)
    await etcd.putAsRoot('/app/web-1', '10.0.0.1:80')
    assert.equal((await watched.next()).servers.length, 1)
  })

  testWithEtcd('says that the password is wrong, without the password', async (t) => {
    const etcd = await Etcd.start(t)
    await etcd.demandUsers(users, '/app/', '/app0')
    await assert.rejects(watch(t, etcd.url, { user: 'limpet', password: 'wrong-one' }).next(), (error: Error) => {
      assert.match(error.message, /answered \/v3\/auth\/authenticate with 400: .*invalid user ID or password/)
      assert.doesNotMatch(error.message, /wrong-one/)
      return true
    })
    await assert.rejects(watch(t, etcd.url).next(), /user name is empty|invalid auth token|permission denied/)
    const other = watch(t, etcd.url, { user: 'limpet', password: 'correct', prefix: '/other/' })
    await assert.rejects(other.next(), /permission denied/)
  })
})

testWithEtcd('what happened since is asked for as a whole where etcd has compacted it', async (t) => {
  const etcd = await Etcd.start(t)
  await etcd.put('/app/web-1', '10.0.0.1:80')
  const cut = await Cut.start(t, etcd.url)
  const watched = watch(t, cut.url)
  await watched.next()
  const next = watched.next()
  await cut.watching(1)
  // The keys are answered as they were; by the time of the watch, that revision is compacted.
  cut.onWatch = async () => {
    cut.onWatch = undefined
    await etcd.put('/app/web-2', '10.0.0.2:80')
    await etcd.put('/app/web-3', '10.0.0.3:80')
    await etcd.compact()
  }
  cut.lose()
  assert.equal((await next).servers.length, 3)
})

/** A proxy before etcd whose connections can be lost. */
class Cut {
  readonly url: string
  /** Runs before a watch is passed on. */
  onWatch: (() => Promise<void>) | undefined
  #watches = 0
  readonly #lose: () => void
  readonly #arrivals: () => Promise<unknown>

  private constructor(url: string, lose: () => void, arrivals: () => Promise<unknown>) {
    this.url = url
    this.#lose = lose
    this.#arrivals = arrivals
  }

  static async start(test: TestContext, to: string): Promise<Cut> {
    const server = createServer(async (request, response) => {
      let body = ''
      for await (const piece of request) body += piece
      if (request.url === '/v3/watch') await cut.onWatch?.()
      const ended = new AbortController()
      response.on('close', () => ended.abort())
      try {
        const answer = await fetch(`${to}${request.url}`, { method: 'POST', body, signal: ended.signal })
        response.writeHead(answer.status)
        if (request.url === '/v3/watch') {
          cut.#watches++
          server.emit('watch')
        }
        for await (const piece of answer.body!) response.write(piece)
        response.end()
      } catch {
        response.destroy()
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    test.after(() => {
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const cut: Cut = new Cut(
      `http://127.0.0.1:${port}`,
      () => server.closeAllConnections(),
      () => once(server, 'watch'),
    )
    return cut
  }

  lose(): void {
    this.#lose()
  }

  async watching(count: number): Promise<void> {
    while (this.#watches < count) await this.#arrivals()
  }
}

test('something else than etcd is said to be that', async (t) => {
  const server = createServer((request, response) =>
    response.writeHead(request.url === '/v3/kv/range' ? 404 : 200).end('no'),
  ).listen(0)
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  await assert.rejects(
    watch(t, `http://127.0.0.1:${port}`).next(),
    /does not know \/v3\/kv\/range: is this etcd 3\.4 or later/,
  )
})

for (const [answer, place] of [
  ['null', ''],
  ['{}', ', at header'],
  ['{"header":{"revision":"x"}}', ', at header.revision'],
  ['{"header":{"revision":"1"},"kvs":"x"}', ', at kvs'],
  ['{"header":{"revision":"1"},"kvs":[null]}', ', at kvs.0'],
  ['{"header":{"revision":"1"},"kvs":[{"key":5}]}', ', at kvs.0.key'],
] as const)
  test(`the answer ${answer} is said to be none of etcd's`, async (t) => {
    const server = createServer((_, response) => response.end(answer)).listen(0)
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const message = `/v3/kv/range with JSON that etcd would not answer${place}: is this etcd?`
    await assert.rejects(watch(t, `http://127.0.0.1:${port}`).next(), (error: Error) => error.message.endsWith(message))
  })

const encoded = (text: string) => Buffer.from(text).toString('base64')

/** Answers keys as etcd does, and each watch with the next of those texts, and the last of them again. */
async function garbling(t: TestContext, ...texts: string[]): Promise<string> {
  let asked = 0
  const kvs = [{ key: encoded('/app/a'), value: encoded('10.0.0.1:80') }]
  const server = createServer((request, response) => {
    if (request.url === '/v3/kv/range') response.end(JSON.stringify({ header: { revision: '7' }, kvs }))
    else response.write(`${texts[Math.min(asked++, texts.length - 1)]}\n`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const put = { kv: { key: encoded('/app/b'), value: encoded('10.0.0.2:80') } }

for (const [text, message] of [
  ['garbage', /expected changes of keys, found "garbage"$/],
  ['{"result":', /expected changes of keys, found/],
  ['{"result":{"events":[{"kv":{"key":5}}]}}', /, at result\.events\.0\.kv\.key$/],
  ['{"result":{"header":{"revision":"8"},"events":[{"kv":{"key":"?!"}}]}}', /, at result\.events\.0\.kv\.key$/],
  [
    '{"result":{"header":{"revision":"8"},"events":[{"type":"MOVE","kv":{"key":"YQ=="}}]}}',
    /, at result\.events\.0\.type$/,
  ],
  [JSON.stringify({ result: { events: [put] } }), /expected the revision of each change, found none$/],
] as const)
  test(`a watch that says ${text} is a mistake, until it is understood`, async (t) => {
    const right = JSON.stringify({ result: { header: { revision: '8' }, events: [put] } })
    const watched = watch(t, await garbling(t, text, right))
    assert.deepEqual((await watched.next()).mistakes, [])
    const { servers, mistakes } = await watched.next()
    assert.deepEqual(inLines({ servers }), ['a 10.0.0.1:80'])
    assert.equal(mistakes[0]!.where, 'watch of etcd')
    assert.match(mistakes[0]!.message, message)
    const list = await watched.next()
    assert.deepEqual(inLines(list), ['a 10.0.0.1:80', 'b 10.0.0.2:80'])
    assert.deepEqual(list.mistakes, [])
  })
