/** When certificates are renewed, and by what authorities know them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renewalId, renewalTime } from '../../src/control/acme/renewal/validity.ts'

const DAY = 86_400_000

test('a certificate is identified as in the example of RFC 9773 §4.1', () => {
  const keyId = '69885b6b87464041e1b37b847ba0ae2cde01c8d4'
  assert.equal(renewalId(keyId, '87654321'), 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE')
})

test('certificates of 90, 45 and 6 days are renewed after two thirds of their life, or up to a thirtieth earlier', () => {
  for (const days of [90, 45, 6]) {
    const from = Date.parse('2026-01-01T00:00:00Z')
    const validity = { from, until: from + days * DAY }
    assert.equal(Math.round((renewalTime(validity, () => 0) - from) / DAY), Math.round((days * 2) / 3))
    const earliest = renewalTime(validity, () => 1)
    assert.ok(Math.abs(earliest - (from + (days * DAY * 19) / 30)) < 1)
  }
})
