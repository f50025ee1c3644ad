/** `limpet demo`, its dashboard, and its users. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Upstreams } from '../../src/admin/answers.ts'
import type { TrafficHistory } from '../../src/admin/traffic.ts'
import { startDemo } from '../support/demo.ts'
import { temporaryFolder } from '../support/folder.ts'

test('its users make every server, WebSockets and sticky sessions seen, and Ctrl-C ends it all', async (t) => {
  const demo = await startDemo(t, join(await temporaryFolder(t), 'state'), ['--traffic'])
  const read = async <Answer>(path: string): Promise<Answer> =>
    (await fetch(`${demo.admin}${path}`)).json() as Promise<Answer>
  const { upstreams } = await read<Upstreams>('/v1/upstreams')
  assert.deepEqual(
    upstreams.map(({ name, balance, affinity, servers }) => [
      name,
      balance,
      affinity,
      servers.map((server) => server.name),
    ]),
    [
      ['static', 'ip-hash', 'ip-hash', ['static-1', 'static-2']],
      ['dynamic', 'round-robin', null, ['dynamic-1', 'dynamic-2']],
      ['chat', 'least-connections', 'cookie', ['chat-1', 'chat-2', 'chat-3']],
    ],
  )
  for (;;) {
    const { upstreams, now } = await read<TrafficHistory>('/v1/traffic')
    const servers = upstreams.flatMap(({ servers }) => servers)
    const isUsed = servers.length === 7 && servers.every(({ lastUsed }) => lastUsed !== null)
    const chat = upstreams.find(({ name }) => name === 'chat')!
    if (isUsed && now.tunnels > 0 && chat.stickiness !== null) {
      assert.equal(chat.stickiness, 1)
      assert.ok(now.requests < 150, `${now.requests} requests a second are not gentle`)
      break
    }
    await pause(200)
  }
  assert.equal(await demo.stop(), 0)
  await assert.rejects(fetch(demo.url))
})

test('two of them run at the same time, each with a dashboard that its link signs in to once', async (t) => {
  const state = join(await temporaryFolder(t), 'state')
  const runs = await temporaryFolder(t)
  const demos = [await startDemo(t, state, [], { TMPDIR: runs }), await startDemo(t, state, [], { TMPDIR: runs })]
  assert.equal(readdirSync(runs).filter((name) => name.startsWith('limpet-demo-')).length, 2)
  assert.notEqual(demos[0]!.admin, demos[1]!.admin)
  const cookies = []
  for (const { url, admin, link } of demos) {
    assert.equal((await fetch(url)).headers.get('x-dashboard'), `${admin}/`)
    const signedIn = await fetch(link, { redirect: 'manual' })
    assert.equal(signedIn.status, 303)
    const [cookie] = signedIn.headers.getSetCookie()[0]!.split(';')
    cookies.push(cookie!)
    const me = await fetch(`${admin}/v1/me`, { headers: { Cookie: cookie! } })
    const { scope, signedIn: isBrowser } = (await me.json()) as { scope: string; signedIn: boolean }
    assert.deepEqual([scope, isBrowser], ['write', true])
    assert.notEqual((await fetch(link, { redirect: 'manual' })).status, 303)
  }
  // A browser sends both to either of them.
  const names = cookies.map((cookie) => cookie.split('=')[0])
  assert.notEqual(names[0], names[1])
  for (const demo of demos) assert.equal(await demo.stop(), 0)
  const left = readdirSync(runs).filter((name) => name.startsWith('limpet-demo-'))
  assert.deepEqual(left, [], 'they leave no state behind')
})
