/** What depends on the address and scheme that trusted proxies report: balancing, limits, cookies and warnings. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { addressesOf, httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'

test('a thousand users behind one proxy are balanced by their own addresses', async (t) => {
  const origins = await Promise.all(
    ['a', 'b', 'c'].map((name) => httpOrigin(t, (_request, response) => response.end(`<${name}>`))),
  )
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 2
    trustedProxies: [127.0.0.1]
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { balance: ip-hash, servers: [${addressesOf(origins)}] } }
  `
  const limpet = await startLimpet(t, config)
  const proxy = await RawClient.connect(t, limpet.port)
  const served = async (client: RawClient, field = '') => {
    client.say(`GET / HTTP/1.1\r\nHost: a\r\n${field}\r\n`)
    return (await client.take(/<\w>/)).slice(-3)
  }
  const shares = new Map<string, number>()
  for (let user = 0; user < 1000; user++) {
    // Each in a /24 of its own, which is what ip-hash uses; every tenth also connects without the proxy.
    const address = `127.${user % 250}.${user >> 2}.${1 + (user % 200)}`
    const server = await served(proxy, `X-Forwarded-For: ${address}\r\n`)
    shares.set(server, (shares.get(server) ?? 0) + 1)
    if (user % 10 !== 0) continue
    const direct = await RawClient.connect(t, limpet.port, address)
    assert.equal(await served(direct), server, address)
    direct.socket.destroy()
  }
  assert.equal(shares.size, 3)
  for (const share of shares.values()) assert.ok(share > 250, [...shares].join('; '))
})

test('connections of a trusted proxy do not count against connectionsPerAddress', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    trustedProxies: [127.0.0.7]
    limits: { connectionsPerAddress: 2 }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const limpet = await startLimpet(t, config)
  const answer = async (from: string) => {
    const client = await RawClient.connect(t, limpet.port, from)
    client.say('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    return (await client.take(/\r\n\r\n/)).slice(9, 12)
  }
  for (let i = 0; i < 10; i++) assert.equal(await answer('127.0.0.7'), '200')
  for (const expected of ['200', '200', '503']) assert.equal(await answer('127.0.0.8'), expected)
})

test('a cookie is Secure only if a trusted proxy says that the client came by HTTPS', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    trustedProxies: [127.0.0.7]
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { affinity: cookie, servers: [${origin.address}] } }
  `
  const limpet = await startLimpet(t, config)
  const cookie = async (from: string, scheme: string) => {
    const client = await RawClient.connect(t, limpet.port, from)
    client.say(`GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: ${scheme}\r\n\r\n`)
    return /\r\nSet-Cookie: (.*)\r\n/.exec(await client.take(/ok$/))![1]!
  }
  assert.match(await cookie('127.0.0.7', 'https'), /; Secure/)
  assert.doesNotMatch(await cookie('127.0.0.7', 'http'), /Secure/)
  assert.doesNotMatch(await cookie('127.0.0.8', 'https'), /Secure/)
})

test('HTTPS that an untrusted peer claims is reported once, with the way to trust it', async (t) => {
  const origin = await httpOrigin(t, (_request, response) => response.end('ok'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    trustedProxies: [127.0.0.7]
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const limpet = await startLimpet(t, config)
  const client = await RawClient.connect(t, limpet.port)
  const ask = async (asking: RawClient, ...lines: string[]) => {
    asking.say(['GET / HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n'))
    await asking.take(/ok$/)
  }
  const proxy = await RawClient.connect(t, limpet.port, '127.0.0.7')
  await ask(proxy, 'X-Forwarded-Proto: https')
  await ask(client, 'X-Forwarded-Proto: http')
  await ask(client, 'X-Forwarded-For: 192.0.2.1')
  await ask(client, 'X-Forwarded-Proto: https, http')
  for (const value of ['https', 'HTTPS', 'wss']) await ask(client, `X-Forwarded-Proto: ${value}`)
  const other = await RawClient.connect(t, limpet.port, '127.0.0.8')
  await ask(other, 'X-Forwarded-Proto: https')
  await limpet.errors.find(/X-Forwarded-Proto/)
  limpet.process.kill()
  await limpet.exit
  const lines = limpet.errors.all.filter((line) => line.includes('X-Forwarded-Proto'))
  assert.equal(lines.length, 1, lines.join('\n'))
  assert.match(
    lines[0]!,
    /WARN.*: X-Forwarded-Proto: https from 127\.0\.0\.1 is ignored, .*trustedProxies: \["127\.0\.0\.1"\]$/,
  )
})

test('a range that covers every address causes a warning, and no other range does', async (t) => {
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    trustedProxies: [128.0.0.0/1, 0.0.0.0/0, "::/0", "::1"]
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [127.0.0.1:1] } }
  `
  const limpet = await startLimpet(t, config)
  const warnings = limpet.errors.all.filter((line) => line.includes('trustedProxies'))
  assert.equal(warnings.length, 2)
  assert.match(
    warnings[0]!,
    /WARN: trustedProxies: 0\.0\.0\.0\/0 is every IPv4 address, .*; list only your own proxies$/,
  )
  assert.match(warnings[1]!, /WARN: trustedProxies: ::\/0 is every IPv6 address, /)
})
