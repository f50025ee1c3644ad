/** nginx as the oracle: both find the same client's address in the same chain of proxies in X-Forwarded-For. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../bench/free-port.ts'
import { parseAddressRange } from '../../src/config/address-range.ts'
import { TrustedPeer } from '../../src/forwarding/trusted-peer.ts'
import { TrustedProxies } from '../../src/forwarding/trusted-proxies.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { parseIpAddress } from '../../src/runtime/ip-address.ts'
import { temporaryFolder } from '../support/folder.ts'
import fc from '../support/property.ts'
import { RawClient } from '../support/raw-client.ts'
import { runNginx, testWithNginx } from './nginx.ts'

const CHAINS = 3000
const LIMITS = { headSize: 100_000, headers: 100 }

/** Sets of trusted proxies. Each chain is tried with one of them, by a client that connects from 127.0.0.1. */
const trustedSets = [
  ['127.0.0.1'],
  ['127.0.0.0/8', '10.0.0.0/8', 'fd00::/8'],
  ['127.0.0.1', '10.128.0.0/9', '10.0.0.1', '2001:db8:8000::/33'],
  ['0.0.0.0/0'],
  ['0.0.0.0/0', '::/0'],
  ['192.0.2.0/24'],
]

const octet = fc.constantFrom(0, 1, 10, 127, 128, 255)
const ipv4 = fc.oneof(fc.tuple(fc.constant(10), octet, octet, octet), fc.tuple(octet, octet, octet, octet))
const group = fc.constantFrom('0', '1', '8000', 'db8', 'abcd')
const ipv6 = fc
  .tuple(fc.constantFrom('fd00', '2001:db8', 'fe80'), fc.array(group, { maxLength: 4 }))
  .map(([first, groups]) => `${first}::${groups.join(':')}`)
const plain = fc.oneof(
  ipv4.map((octets) => octets.join('.')),
  ipv6,
)
const port = fc.constantFrom(0, 1, 80, 65_535, 65_536)
const withPort = fc.oneof(
  fc.tuple(ipv4, port).map(([octets, port]) => `${octets.join('.')}:${port}`),
  fc.tuple(ipv6, port).map(([address, port]) => `[${address}]:${port}`),
)
const wrong = fc.constantFrom(
  ...[
    'unknown',
    '_hidden',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.1.1',
    'a.b.c.d',
    '::g',
    'fd00:::1',
    '10.0.0.1:',
    'localhost',
  ],
  ...['"10.0.0.1"', '10.0.0.1/8', '[fd00::1', 'fd00::1]', '1:2:3:4:5:6:7', '-', '10.0.0.1:80:80'],
)
const member = fc.oneof(
  { weight: 8, arbitrary: plain },
  { weight: 2, arbitrary: withPort },
  { weight: 1, arbitrary: wrong },
)
const separator = fc.constantFrom(',', ', ', ' , ', ',,', ', ,')
const field = fc
  .tuple(member, fc.array(fc.tuple(separator, member), { maxLength: 5 }))
  .map(([first, rest]) => first + rest.flat().join(''))
/** The values of X-Forwarded-For fields, one after the other. */
const chain = fc.tuple(fc.nat(trustedSets.length - 1), fc.array(field, { maxLength: 3 }))

testWithNginx('a chain of proxies leads both to the same client', async (test) => {
  const ports: number[] = []
  for (const _ of trustedSets) ports.push(await freePort())
  const servers = trustedSets.map(
    (ranges, set) => `
      server {
        listen 127.0.0.1:${ports[set]};
        ${ranges.map((range) => `set_real_ip_from ${range};`).join(' ')}
        location / { return 200 "<$remote_addr>"; }
      }`,
  )
  const nginxConfig = `
    events {}
    http {
      access_log off;
      keepalive_requests 1000000;
      real_ip_header X-Forwarded-For;
      real_ip_recursive on;
      ${servers.join('')}
    }
  `
  const folder = await temporaryFolder(test)
  await writeFile(join(folder, 'nginx.conf'), nginxConfig)
  await runNginx(test, folder, ports.at(-1)!)
  const clients = await Promise.all(ports.map((port) => RawClient.connect(test, port)))
  const seen = new Set<string>()
  for (const [set, values] of fc.sample(chain, { numRuns: CHAINS, seed: 20_261_124 })) {
    const lines = values.map((value) => `X-Forwarded-For: ${value}\r\n`).join('')
    const head = `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`
    const theirs = await clients[set]!.ask(head)
    seen.add(theirs)
    assert.equal(clientOf(head, trustedSets[set]!), theirs, `${JSON.stringify(values)}, trusting ${trustedSets[set]}`)
  }
  assert.ok(seen.size > 500, `${seen.size} different clients`)
})

function clientOf(text: string, trusted: readonly string[]): string {
  const head = new RequestHead()
  head.parse(Buffer.from(text), 0, LIMITS)
  const peer = parseIpAddress('127.0.0.1')!
  const proxies = TrustedProxies.of({
    trustedProxies: trusted.map(parseAddressRange),
    clientAddressFrom: 'x-forwarded-for',
  })!
  return proxies.include(peer) ? new TrustedPeer(peer, proxies).clientOf(head).text : peer.text
}
