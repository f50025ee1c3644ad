/** A hundred renewals of a certificate that lives for six days. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { Stage } from '../acme/stage.ts'
import { TestClock } from '../acme/test-clock.ts'
import { AcmePlace } from '../support/acme-place.ts'
import { AcmeShim } from '../support/acme-shim.ts'
import { testWithPebble } from '../support/pebble.ts'

const DAY = 86_400_000
const RENEWALS = 100

testWithPebble('with a clock that the test sets, there is never a moment without a valid certificate', async (t) => {
  // Certificates have whole seconds.
  const clock = new TestClock(Math.floor(Date.now() / 1000) * 1000)
  const stage = await Stage.set(t, { clock })
  const shim = await AcmeShim.start(t, stage.pebble)
  shim.now = () => clock.now()
  shim.lifetime = 6 * DAY
  stage.acme.apply(stage.settingsFor(shim), ['a.example'])
  await stage.until(() => stage.obtained.length === 1)
  const begun = clock.now()
  for (let renewal = 1; renewal <= RENEWALS; renewal++) {
    // Every third time, the authority does not work for the first attempts.
    shim.isDown = renewal % 3 === 0
    for (let tries = 0; stage.obtained.length === renewal; tries++) {
      if (tries === 4) shim.isDown = false
      const reports = stage.reports
      clock.advanceTo(stage.acme.states[0]!.renewsAt)
      const { chain } = stage.acme.certificates[0]!
      assert.ok(Date.parse(new X509Certificate(chain).validTo) > clock.now() + DAY, 'it lasts for another day')
      await stage.until(() => stage.reports > reports)
    }
  }
  const days = (clock.now() - begun) / DAY
  assert.ok(days > RENEWALS * 3.79 && days <= RENEWALS * 4.1, `${days} days`)
  assert.equal(new Set(shim.issued.map(({ replaces }) => replaces)).size, RENEWALS + 1)
})

testWithPebble(
  'one after the other: every new certificate is shown by every worker, and no handshake fails',
  async (t) => {
    const place = await AcmePlace.prepare(t)
    place.shim.lifetime = 120_000
    // Asked about a certificate, the authority wants it to be renewed soon.
    place.shim.suggest = () => ({ start: new Date(Date.now() + 1000), end: new Date(Date.now() + 2000) })
    const limpet = await place.start()
    const handshake = async () => {
      const socket = connect({ host: '127.0.0.1', port: place.tlsPort, servername: 'a.example', ca: place.shim.ca })
      await once(socket, 'secureConnect')
      const { fingerprint256 } = socket.getPeerCertificate()
      socket.destroy()
      return fingerprint256
    }
    await place.inEffect(limpet, 'a.example')
    const load = new AbortController()
    const failures: string[] = []
    let handshakes = 0
    const client = (async () => {
      while (!load.signal.aborted) {
        handshakes++
        await handshake().catch((error) => failures.push(String(error)))
      }
    })()
    for (let renewal = 2; renewal <= RENEWALS + 1; renewal++) {
      await place.inEffect(limpet, 'a.example', renewal)
      const shown = new Set(await Promise.all(Array.from({ length: 10 }, handshake)))
      assert.equal(shown.size, 1, `renewal ${renewal}`)
    }
    load.abort()
    await client
    t.diagnostic(`${handshakes} handshakes`)
    assert.deepEqual(failures, [])
  },
)
