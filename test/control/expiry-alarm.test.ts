import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExpiryAlarm } from '../../src/control/tls/expiry-alarm.ts'
import { NO_MATERIAL, type TlsMaterial } from '../../src/control/tls/tls-material.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 1)

/** A certificate that is valid from START on for so long. */
function lasting(ms: number): TlsMaterial {
  const hosts = ['example.org']
  const certificate = { name: 'site.pem', hosts, chain: '', key: '', keyType: 'ecdsa' as const }
  const facts = { hosts, issuer: '', notBefore: START, notAfter: START + ms, isSelfSigned: false, hasIssuer: true }
  return { ...NO_MATERIAL, origins: [{ certificate, facts, source: 'file', isKeyPublic: false, shownTo: 'clients' }] }
}

/** What is logged in each hour of a certificate's life and of the day after: the hours before its end, and the level. */
function reportsOf(lifetime: number): { left: number; level: string }[] {
  const reports: { left: number; level: string }[] = []
  let now = START
  const log = (level: string) => () => void reports.push({ left: (START + lifetime - now) / HOUR, level })
  const alarm = new ExpiryAlarm({ warn: log('warn'), error: log('error') } as never, () => now)
  alarm.watch(lasting(lifetime))
  for (; now < START + lifetime + DAY; now += HOUR) alarm.look()
  alarm.close()
  return reports
}

test('a certificate of 90 days is reported once a day from 14 days on, as an error from three days on', () => {
  const reports = reportsOf(90 * DAY)
  const hours = (level: string) => reports.filter((report) => report.level === level).map(({ left }) => left)
  // The first look within the time, and one each day after it.
  assert.deepEqual(
    hours('warn'),
    Array.from({ length: 11 }, (_, index) => (14 - index) * 24 - 1),
  )
  assert.deepEqual(
    hours('error'),
    [3, 2, 1, 0].map((days) => days * 24 - 1),
  )
})

test('one of 6 days, which is renewed every few days, is reported in the last third of its life', () => {
  const [first, ...others] = reportsOf(6 * DAY)
  assert.deepEqual(first, { left: 47, level: 'warn' })
  assert.ok(others.length > 0)
})

test('a certificate that is renewed is reported no longer', () => {
  const lines: string[] = []
  let now = START + 80 * DAY
  const log = (line: string) => void lines.push(line)
  const alarm = new ExpiryAlarm({ warn: log, error: log } as never, () => now)
  alarm.watch(lasting(90 * DAY))
  assert.deepEqual(lines, ['certificate of example.org (site.pem) expires in 10 day(s), on 2026-04-01T00:00:00.000Z'])
  alarm.watch(lasting(180 * DAY))
  now += 2 * DAY
  alarm.look()
  alarm.close()
  assert.equal(lines.length, 1)
})
