/** The program's own log. */
import { test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'

const config = {
  listeners: [{ address: '127.0.0.1', port: 0 }],
  workers: 1,
  routes: [{ path: '/*', upstream: 'only' }],
  upstreams: { only: { servers: ['127.0.0.1:1'] } },
}

for (const [zone, offset] of Object.entries({ 'Asia/Kolkata': '+0530', 'America/Bogota': '-0500', UTC: '+0000' })) {
  test(`a text line has its time with the offset of the time zone: ${zone}`, async (t) => {
    const { errors } = await startLimpet(t, config, { env: { TZ: zone } })
    await errors.find(new RegExp(`^\\[\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d \\${offset}\\] INFO: listening on `))
  })
}
