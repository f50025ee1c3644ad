import { test } from 'node:test'
import { renewUnderLoad } from '../scenarios/certificate-renewals.ts'

test('a certificate is renewed 100 times under load: no handshake fails, and open connections live on', (t) =>
  renewUnderLoad(t, 100))
