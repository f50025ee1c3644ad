/** Signing in to the dashboard: a link that works once, and a cookie. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AccessRules } from '../../src/admin/access.ts'
import { Grants } from '../../src/admin/dashboard/grants.ts'
import { SignIns } from '../../src/admin/dashboard/sign-ins.ts'
import { temporaryFolder } from '../support/folder.ts'
import { bearer, MACHINE_TOKEN, onLoopback, type Served, served } from './served.ts'

const machine = bearer(MACHINE_TOKEN)
const onSocket: AccessRules = { tokens: [], anyone: { name: 'socket', scope: 'write' }, hint: 'none' }
const server = '/v1/upstreams/app/servers/web-1'
const body = '{"weight": 5}'

async function running(
  t: TestContext,
  access = onLoopback,
): Promise<Served & { readonly own: Record<string, string> }> {
  const limpet = await served(t, {
    dashboard: await temporaryFolder(t),
    access,
    approach: access === onSocket ? 'socket' : { reach: 'loopback', hosts: [] },
  })
  return { ...limpet, own: { Origin: `http://localhost:${limpet.port}`, Host: `localhost:${limpet.port}` } }
}

async function link({ ask }: Served, scope?: 'read' | 'write', headers: Record<string, string> = machine) {
  const options = scope === undefined ? { headers } : { headers, body: JSON.stringify({ scope }) }
  return ask('POST', '/v1/dashboard-links', options)
}

/** Opens a new link; returns the cookie. */
async function signIn(limpet: Served, scope?: 'read' | 'write', headers: Record<string, string> = {}): Promise<string> {
  const { path } = (await link(limpet, scope)).body
  return cookieOf(await limpet.ask('GET', path, { headers }))
}

function cookieOf({ headers }: { headers: NodeJS.Dict<string | string[]> }): string {
  return (headers['set-cookie']![0] as string).split(';')[0]!
}

describe('a link', () => {
  test('signs a browser in, to do what its maker may do', async (t) => {
    const limpet = await running(t)
    const { status, body: made } = await link(limpet)
    assert.equal(status, 200)
    assert.match(made.path, /^\/sign-in\?code=[\w-]{43}$/)
    assert.equal(made.scope, 'write')
    const expires = Date.parse(made.expires) - Date.now()
    assert.ok(expires > 50_000 && expires <= 60_000, `${expires} ms`)

    const opened = await limpet.ask('GET', made.path)
    assert.deepEqual([opened.status, opened.headers.location], [303, '/'])
    const [cookie] = opened.headers['set-cookie']!
    assert.match(cookie!, /^limpet-dashboard-80=[\w-]{43}; /)
    for (const attribute of ['HttpOnly', 'SameSite=Strict', 'Path=/', 'Max-Age=43200']) {
      assert.ok(cookie!.split('; ').includes(attribute), attribute)
    }
    assert.doesNotMatch(cookie!, /Domain/i)
    const headers = { Cookie: cookieOf(opened) }
    const me = await limpet.ask('GET', '/v1/me', { headers })
    assert.deepEqual(me.body, { name: 'admin-token (dashboard)', scope: 'write', signedIn: true })
    const changed = await limpet.ask('PATCH', server, { headers: { ...headers, ...limpet.own }, body })
    assert.equal(changed.status, 200)
    assert.equal(limpet.operations.done.length, 1)
  })

  test('works once, also for two browsers at the same time', async (t) => {
    const limpet = await running(t)
    const { path } = (await link(limpet)).body
    const both = await Promise.all([limpet.ask('GET', path), limpet.ask('GET', path)])
    assert.deepEqual(both.map(({ status }) => status).toSorted(), [303, 403])
    const late = await limpet.ask('GET', path)
    assert.equal(late.status, 403)
    assert.match(late.text, /limpet dashboard/)
    assert.equal(late.headers['set-cookie'], undefined)
  })

  test('is not used up by who only looks (HEAD)', async (t) => {
    const limpet = await running(t)
    const { path } = (await link(limpet)).body
    assert.equal((await limpet.ask('HEAD', path)).headers['set-cookie'], undefined)
    assert.equal((await limpet.ask('GET', path)).status, 303)
  })

  test('is followed from any page, but no page can use it up in secret', async (t) => {
    const limpet = await running(t)
    const { path } = (await link(limpet)).body
    const from = (mode: string, dest: string) => ({
      'Sec-Fetch-Site': 'cross-site',
      'Sec-Fetch-Mode': mode,
      'Sec-Fetch-Dest': dest,
    })
    assert.equal((await limpet.ask('GET', path, { headers: from('no-cors', 'image') })).status, 403)
    assert.equal((await limpet.ask('GET', path, { headers: from('navigate', 'iframe') })).status, 403)
    assert.equal((await limpet.ask('GET', path, { headers: from('navigate', 'document') })).status, 303)
  })

  test('works for a minute, and a browser stays signed in for twelve hours', () => {
    let now = 0
    const signIns = new SignIns('80', () => now)
    const caller = { name: 'deploy', scope: 'write' } as const
    const codeOf = () => signIns.link(caller, 'write', false).path.split('=')[1]!
    const [late, timely] = [codeOf(), codeOf()]
    now = 59_999
    const cookie = signIns.signIn(timely, undefined)!.split(';')[0]!
    const ask = () => signIns.callerOf({ method: 'GET', headers: { cookie } } as never)
    now = 60_000
    assert.equal(signIns.signIn(late, undefined), undefined)
    now = 59_999 + 12 * 3_600_000 - 1
    assert.equal(ask()?.name, 'deploy (dashboard)')
    now++
    assert.equal(ask(), undefined)
  })

  test('allows at most what its maker may do', async (t) => {
    const limpet = await running(t)
    const cookie = await signIn(limpet, 'read')
    const headers = { Cookie: cookie, ...limpet.own }
    assert.equal((await limpet.ask('GET', '/v1/me', { headers })).body.scope, 'read')
    assert.equal((await limpet.ask('PATCH', server, { headers, body })).status, 403)
    assert.equal((await link(limpet, 'write', {})).status, 403, 'of someone who may only read')
    assert.equal((await link(limpet, undefined, {})).body.scope, 'read')
    assert.equal((await link(limpet, undefined, bearer('x'.repeat(43)))).status, 401)
    assert.deepEqual(limpet.operations.done, [])
  })

  test('is made by no browser, which would stay signed in for ever', async (t) => {
    const limpet = await running(t)
    const headers = { Cookie: await signIn(limpet), ...limpet.own }
    assert.equal((await link(limpet, 'read', headers)).status, 403)
  })

  test('with a wrong code says how to get another', async (t) => {
    const limpet = await running(t)
    for (const query of [
      '',
      '?code=',
      '?code=x',
      `?code=${'x'.repeat(43)}`,
      '?code=%00',
      `?code=${'é'.repeat(2000)}`,
    ]) {
      const { status, text } = await limpet.ask('GET', `/sign-in${encodeURI(query)}`)
      assert.equal(status, 403, query)
      assert.match(text, /limpet dashboard/)
    }
  })
})

describe('a browser that has signed in', () => {
  test('changes nothing for a page of another origin, nor without saying which page asks', async (t) => {
    const limpet = await running(t)
    const cookie = await signIn(limpet)
    const { Host, Origin } = limpet.own as { Host: string; Origin: string }
    const table: [what: string, headers: Record<string, string>, status: number][] = [
      ['a form of another site', { Origin: 'http://evil.example' }, 403],
      ['another port of this machine', { Origin: 'http://localhost:1' }, 403],
      ['a sandboxed page', { Origin: 'null' }, 403],
      ['the same host by HTTPS', { Origin: Origin.replace('http:', 'https:') }, 403],
      ['another site, by Sec-Fetch-Site alone', { 'Sec-Fetch-Site': 'cross-site' }, 403],
      ['another port, by Sec-Fetch-Site alone', { 'Sec-Fetch-Site': 'same-site' }, 403],
      ['typed by the user', { 'Sec-Fetch-Site': 'none' }, 403],
      ['nothing said', {}, 403],
      ['this page', { Origin }, 200],
      ['this page, by Sec-Fetch-Site', { 'Sec-Fetch-Site': 'same-origin' }, 200],
    ]
    for (const [index, [what, headers, status]] of table.entries()) {
      const body = JSON.stringify({ weight: index + 2 })
      const before = limpet.operations.done.length
      const answer = await limpet.ask('PATCH', server, { headers: { Cookie: cookie, Host, ...headers }, body })
      assert.equal(answer.status, status, what)
      assert.equal(limpet.operations.done.length - before, status === 200 ? 1 : 0, what)
    }
  })

  test('was given its cookie by Limpet: what it had before is worth nothing', async (t) => {
    const limpet = await running(t)
    const planted = `limpet-dashboard-80=${'p'.repeat(43)}`
    const cookie = await signIn(limpet, 'write', { Cookie: planted })
    assert.notEqual(cookie, planted)
    const me = async (Cookie: string) => (await limpet.ask('GET', '/v1/me', { headers: { Cookie } })).body
    assert.equal((await me(planted)).signedIn, false)
    assert.equal((await me(`${planted}; ${cookie}`)).signedIn, true, 'a page on another port may have set one, too')
  })

  test('and signs in again is no longer who it was', async (t) => {
    const limpet = await running(t)
    const first = await signIn(limpet, 'write')
    const second = await signIn(limpet, 'read', { Cookie: first })
    const me = async (Cookie: string) => (await limpet.ask('GET', '/v1/me', { headers: { Cookie } })).body
    assert.equal((await me(first)).signedIn, false)
    assert.deepEqual(await me(second), { name: 'admin-token (dashboard)', scope: 'read', signedIn: true })
  })

  test('signs out, and its cookie is worth nothing then', async (t) => {
    const limpet = await running(t)
    const headers = { Cookie: await signIn(limpet), ...limpet.own }
    const out = await limpet.ask('POST', '/v1/sign-out', { headers })
    assert.deepEqual([out.status, out.body], [200, { signedIn: false }])
    assert.match(out.headers['set-cookie']![0]!, /^limpet-dashboard-80=; .*Max-Age=0/)
    assert.equal((await limpet.ask('GET', '/v1/me', { headers })).body.signedIn, false)
    assert.equal((await limpet.ask('PATCH', server, { headers, body })).status, 401)
  })

  test('watches what happens', async (t) => {
    const tokens = { ...onLoopback, anyone: undefined }
    const limpet = await running(t, tokens)
    const headers = { Cookie: await signIn(limpet) }
    assert.equal((await limpet.ask('HEAD', '/v1/events')).status, 401)
    assert.equal((await limpet.ask('HEAD', '/v1/events', { headers })).status, 200)
  })

  test('with a token, too, is who the token says', async (t) => {
    const limpet = await running(t)
    const Cookie = await signIn(limpet)
    const as = async (headers: Record<string, string>) =>
      limpet.ask('GET', '/v1/me', { headers: { Cookie, ...headers } })
    assert.equal((await as(machine)).body.name, 'admin-token')
    assert.equal((await as(bearer('x'.repeat(43)))).status, 401)
  })

  test('has a cookie of another name at another instance', () => {
    const [one, other] = [new SignIns('80'), new SignIns('443')]
    const { path } = one.link({ name: 'deploy', scope: 'write' }, 'write', false)
    const cookie = one.signIn(path.split('=')[1]!, undefined)!.split(';')[0]!
    assert.equal(one.callerOf({ headers: { cookie } } as never)?.scope, 'write')
    assert.equal(other.callerOf({ headers: { cookie } } as never), undefined)
  })
})

test('who only reads takes no place from who may write', () => {
  const grants = new Grants({ lifetime: 1000, most: 2, clock: () => 0 })
  const issue = (scope: 'read' | 'write', name: string) => grants.issue({ name, scope }).secret
  const [first, second] = [issue('write', 'first'), issue('write', 'second')]
  const readers = Array.from({ length: 100 }, (_, index) => issue('read', `reader ${index}`))
  const held = (secret: string) => grants.holderOf(secret)?.name
  assert.deepEqual([held(first), held(second)], ['first', 'second'])
  assert.deepEqual(readers.map(held).filter(Boolean), ['reader 98', 'reader 99'])
  const third = issue('write', 'third')
  assert.deepEqual([held(first), held(second), held(third)], [undefined, 'second', 'third'], 'the oldest gives way')
})

describe('what limpet dashboard forwards to a socket', () => {
  const forwarded = { 'Limpet-Forwarded': 'dashboard', Host: '127.0.0.1:4321' }

  test('has none of the rights of who opens the socket', async (t) => {
    const limpet = await running(t, onSocket)
    assert.equal((await limpet.ask('GET', '/v1/status')).status, 200)
    assert.equal((await limpet.ask('GET', '/v1/status', { headers: forwarded })).status, 401)
    assert.equal((await limpet.ask('PATCH', server, { headers: forwarded, body })).status, 401)
    assert.equal((await limpet.ask('POST', '/v1/dashboard-links', { headers: forwarded })).status, 401)
    const { path } = (await link(limpet, undefined, {})).body
    const Cookie = cookieOf(await limpet.ask('GET', path, { headers: forwarded }))
    const own = { ...forwarded, Cookie, Origin: 'http://127.0.0.1:4321' }
    assert.equal((await limpet.ask('PATCH', server, { headers: own, body })).status, 200)
  })

  test('is asked for by a name of this machine', async (t) => {
    const limpet = await running(t, onSocket)
    const headers = { ...forwarded, Host: 'evil.example' }
    for (const path of ['/', '/v1/status', '/sign-in?code=x']) {
      assert.equal((await limpet.ask('GET', path, { headers })).status, 403, path)
    }
  })
})
