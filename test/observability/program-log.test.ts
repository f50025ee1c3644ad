/** The program's own log. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { configFile, LIMPET, Lines, startLimpet } from '../support/limpet.ts'

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

for (const [how, settings, first] of [
  ['json', { log: { format: 'json' } }, 'event'],
  ['json where there is no terminal', { log: {} }, 'event'],
  ['json with an access log in JSON', { accessLog: 'json' }, 'event'],
  ['text all the same', { accessLog: 'json', log: { format: 'text' } }, 'text'],
] as const) {
  test(`each line is as the configuration says: ${how}`, async (t) => {
    const { errors, port, process } = await startLimpet(t, { ...config, ...settings })
    process.kill('SIGTERM')
    await errors.find(/SIGTERM/)
    if (first === 'text') return assert.match(errors.all[0]!, /^\[.*\] INFO: listening on /)
    const lines = errors.all.map((line) => JSON.parse(line))
    assert.deepEqual(
      lines.map(({ event }) => event),
      ['listening', 'admin-listening', 'started', 'stopping'],
    )
    const { time, ...listening } = lines[0]
    assert.ok(Date.parse(time) > 0)
    const listener = `127.0.0.1 port ${port}`
    assert.deepEqual(listening, { level: 30, event: 'listening', listener, msg: `listening on ${listener}` })
  })
}

test('a line about a server has its upstream, its name and the cause as fields', async (t) => {
  const limpet = await startLimpet(t, {
    ...config,
    log: { format: 'json' },
    upstreams: {
      only: { servers: [{ name: 'one', address: '127.0.0.1:1' }], health: { check: { type: 'tcp', fall: 1 } } },
    },
  })
  const [line] = await limpet.errors.find(/^.*"server-down".*$/)
  const { time: _, cause, msg, ...rest } = JSON.parse(line)
  assert.deepEqual(rest, { level: 40, event: 'server-down', upstream: 'only', server: 'one' })
  assert.equal(msg, `upstream only: server one is down (${cause})`)
})

test('in a terminal, lines are text, whatever the access log is', async (t) => {
  const file = await configFile(t, { ...config, accessLog: 'json' })
  const command = `echo "process $$"; exec ${process.execPath} ${LIMPET} run -c ${file}`
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = new Lines(child.stdout)
  // Without its terminal, it would go on: SIGHUP has it read its file again.
  const [, pid] = await lines.find(/^process (\d+)/)
  t.after(() => process.kill(Number(pid), 'SIGKILL'))
  await lines.find(/INFO.*listening on /)
})
