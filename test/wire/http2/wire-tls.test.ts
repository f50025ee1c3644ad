import { test } from 'node:test'
import { writePair } from '../../support/certificate-files.ts'
import { TestAuthority } from '../../support/certificates.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { allCases } from './fixture.ts'
import { play, start } from './played-case.ts'

test('Limpet behaves as every fixture of HTTP/2 says by TLS, unless it is about HTTP/1.1 on the same port', async (t) => {
  const authority = await TestAuthority.create()
  const folder = await temporaryFolder(t)
  await writePair(folder, 'server', await authority.issue(['127.0.0.1']))
  const certificates = [{ cert: `${folder}/server.pem`, key: `${folder}/server.key` }]
  const { place, origin } = await start(t, { tls: { certificates } }, authority.ca)
  for (const fixture of allCases().filter(({ outcome }) => outcome.http1 === undefined)) {
    await t.test(fixture.name, { timeout: 120_000 }, (t) => play(t, fixture, place, origin))
  }
})
