/** What this machine finds where an authority has looked for Limpet. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { Challenges } from '../../src/control/acme/challenges/challenges.ts'
import { Reachability } from '../../src/control/acme/challenges/reachability.ts'

async function serverWith(t: TestContext, answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

const here = async () => ['127.0.0.1']

test('Limpet itself, so that something in between must be closed', async (t) => {
  const challenges = new Challenges(async () => {})
  const port = await serverWith(t, (request, response) => {
    response.end(challenges.answers.http.get(request.url!.split('/').at(-1)!))
  })
  const found = await new Reachability(challenges, { http: port, tls: 1 }, here).look('a.example', 'http-01')
  assert.equal(found, `from this machine 127.0.0.1:${port} does lead here, so look at firewalls in between`)
  assert.equal(challenges.answers.http.size, 0)
})

test('another server, with its status and its name', async (t) => {
  const port = await serverWith(t, (_request, response) => response.writeHead(404, { Server: 'nginx' }).end('no'))
  const reachability = new Reachability(new Challenges(async () => {}), { http: port, tls: 1 }, here)
  const expected = `at 127.0.0.1:${port} something else answers, with status 404 (Server: nginx); does the DNS lead to another machine?`
  assert.equal(await reachability.look('a.example', 'http-01'), expected)
})

test('nothing, on either port', async () => {
  const port = await freePort()
  const reachability = new Reachability(new Challenges(async () => {}), { http: port, tls: port }, here)
  for (const type of ['http-01', 'tls-alpn-01'] as const) {
    assert.match(
      await reachability.look('a.example', type),
      /cannot be reached from this machine either: .*ECONNREFUSED/,
    )
  }
})

test('no address', async () => {
  const nowhere = async () => {
    throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' })
  }
  const reachability = new Reachability(new Challenges(async () => {}), { http: 1, tls: 1 }, nowhere)
  assert.equal(
    await reachability.look('a.example', 'http-01'),
    'this machine finds no address of a.example in the DNS (ENOTFOUND)',
  )
})
