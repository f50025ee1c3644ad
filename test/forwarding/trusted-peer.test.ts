import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseAddressRange } from '../../src/config/address-range.ts'
import { TrustedPeer } from '../../src/forwarding/trusted-peer.ts'
import { TrustedProxies } from '../../src/forwarding/trusted-proxies.ts'
import { RequestHead } from '../../src/http1/request-head.ts'
import { parseIpAddress } from '../../src/runtime/ip-address.ts'
import type { ClientAddressSource } from '../../src/runtime/snapshot.ts'
import fc from '../support/property.ts'

const PROXY = '10.0.0.1'

function peerBy(clientAddressFrom: ClientAddressSource): TrustedPeer {
  const trustedProxies = [parseAddressRange('10.0.0.0/8')]
  return new TrustedPeer(parseIpAddress(PROXY)!, TrustedProxies.of({ trustedProxies, clientAddressFrom })!)
}

function headWith(...lines: string[]): RequestHead {
  const head = new RequestHead()
  head.parse(Buffer.from(['GET / HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n'), 'latin1'), 0, {
    headSize: 100_000,
    headers: 1000,
  })
  return head
}

describe('whether a request came by HTTPS', () => {
  const cases: [ClientAddressSource, string[], boolean | undefined][] = [
    ['x-forwarded-for', ['X-Forwarded-Proto: https'], true],
    ['x-forwarded-for', ['x-forwarded-proto: HTTPS'], true],
    ['x-forwarded-for', ['X-Forwarded-Proto: wss'], true],
    ['x-forwarded-for', ['X-Forwarded-Proto: http'], false],
    ['x-forwarded-for', ['X-Forwarded-Proto: httpsx'], false],
    ['x-forwarded-for', ['X-Forwarded-Proto: https, http'], false],
    ['x-forwarded-for', ['X-Forwarded-Proto: http,\thttps'], true],
    ['x-forwarded-for', ['X-Forwarded-Proto: https', 'X-Forwarded-Proto: http'], false],
    ['x-forwarded-for', ['X-Forwarded-Proto:'], undefined],
    ['x-forwarded-for', [], undefined],
    ['x-forwarded-for', ['Forwarded: for=192.0.2.1;proto=https'], undefined],
    ['forwarded', ['Forwarded: for=192.0.2.1;proto=https'], true],
    ['forwarded', ['Forwarded: Proto="https" ; for=192.0.2.1'], true],
    ['forwarded', ['Forwarded: for=192.0.2.1;proto=https, for=10.0.0.2;proto=http'], false],
    ['forwarded', ['Forwarded: proto=https, for=10.0.0.2'], undefined],
    ['forwarded', ['Forwarded: proto=https;proto=http'], undefined],
    ['forwarded', ['Forwarded: proto'], undefined],
    ['forwarded', ['X-Forwarded-Proto: https'], undefined],
  ]
  for (const [source, lines, expected] of cases) {
    test(`by ${source}: ${lines.join(' and ') || 'nothing'}`, () => {
      assert.equal(peerBy(source).saysSecure(headWith(...lines)), expected)
    })
  }
})

describe('by', () => {
  for (const source of ['x-forwarded-for', 'forwarded'] as const) {
    test(`${source}, a result does not depend on earlier calls`, () => {
      const value = fc.stringMatching(/^[ -~]{0,40}$/)
      const likely = fc.constantFrom('192.0.2.1', '10.0.0.2', 'for=192.0.2.1', 'for="[fd00::1]"', ', ', '"', ';', '\\')
      const written = fc.oneof(
        value,
        fc.array(likely, { maxLength: 6 }).map((parts) => parts.join('')),
      )
      const field = fc.tuple(fc.constantFrom('X-Forwarded-For', 'Forwarded', 'Cookie'), written)
      const heads = fc.array(fc.array(field, { maxLength: 3 }), { maxLength: 10 })
      fc.assert(
        fc.property(heads, (requests) => {
          const asked = peerBy(source)
          for (const fields of requests) {
            const head = headWith(...fields.map(([name, value]) => `${name}: ${value}`))
            assert.deepEqual(asked.clientOf(head), peerBy(source).clientOf(head))
          }
        }),
        { numRuns: 500 },
      )
    })

    test(`${source}, the rightmost entry, by the proxy, counts, with any input of the client to its left`, () => {
      const left = fc.stringMatching(/^[ -~]{0,40}$/)
      const element = source === 'forwarded' ? 'for="192.0.2.7:80";proto=https' : '192.0.2.7'
      const name = source === 'forwarded' ? 'Forwarded' : 'X-Forwarded-For'
      fc.assert(
        fc.property(left, fc.boolean(), (forged, apart) => {
          const lines = apart ? [`${name}: ${forged}`, `${name}: ${element}`] : [`${name}: ${forged}, ${element}`]
          assert.equal(peerBy(source).clientOf(headWith(...lines)).text, '192.0.2.7')
        }),
        { numRuns: 2000 },
      )
    })

    test(`${source}, 250 members are read, and everything to their left is ignored`, () => {
      const name = source === 'forwarded' ? 'Forwarded' : 'X-Forwarded-For'
      const element = (address: string) => (source === 'forwarded' ? `for=${address}` : address)
      const clientAfter = (proxies: number) => {
        const chain = [element('192.0.2.7'), ...Array<string>(proxies).fill(element('10.0.0.2'))]
        return peerBy(source).clientOf(headWith(`${name}: ${chain.join(',')}`)).text
      }
      assert.deepEqual([249, 250, 5000].map(clientAfter), ['192.0.2.7', '10.0.0.2', '10.0.0.2'])
      assert.equal(peerBy(source).clientOf(headWith(`${name}: 192.0.2.7${','.repeat(5000)}`)).text, PROXY)
    })
  }
})
