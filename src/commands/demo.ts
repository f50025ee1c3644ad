import { rmSync } from 'node:fs'
import { Command, Option } from 'commander'
import { machineToken } from '../control/admin/admin-access.ts'
import { Balancer } from '../control/balancer.ts'
import { StateDirectory } from '../control/state/state-directory.ts'
import type { Warn } from '../observability/log.ts'
import { programLog } from '../observability/program-log.ts'
import type { PortListener } from '../runtime/snapshot.ts'
import { dashboardLink } from './dashboard-link.ts'
import { freeAdminPort, temporaryState } from './demo-admin.ts'
import { demoCertificate } from './demo-certificate.ts'
import { demoConfig } from './demo-config.ts'
import { end, startServers, startTraffic } from './demo-process.ts'
import { welcome } from './demo-welcome.ts'
import { stopSignals, untilStopped } from './until-stopped.ts'
import { wholeNumber } from './whole-number.ts'

interface DemoOptions {
  readonly port: number
  readonly static: number
  readonly dynamic: number
  readonly https?: boolean
  readonly traffic?: boolean
}

/** With `--traffic`. Enough that the users of a drained one go to different others. */
const CHAT_SERVERS = 3

export function demoCommand(): Command {
  return new Command('demo')
    .summary('run the lab: its servers, and the load balancer in front')
    .description(
      'Starts static and dynamic servers and the load balancer in front of them, on loopback, with the dashboard on port 9000 or a free one. Ctrl-C stops them all.',
    )
    .addOption(portOption())
    .option('--static <count>', 'how many static servers', wholeNumber(1, 50), 2)
    .option('--dynamic <count>', 'how many dynamic servers', wholeNumber(1, 50), 2)
    .option('--https', 'serve HTTPS, with a certificate of an authority of its own')
    .option('--traffic', 'add sixty users who visit it gently, and a chat with WebSockets; the access log is off')
    .action(demo)
}

/** An empty variable counts as unset, as everywhere in Limpet. */
function portOption(): Option {
  const option = new Option('--port <port>', 'where to listen on 127.0.0.1').argParser(wholeNumber(0, 65_535))
  return (process.env.PORT ? option.env('PORT') : option).default(7777)
}

async function demo({ port, https, traffic, ...counts }: DemoOptions): Promise<void> {
  // HUP means that the terminal was closed.
  const signals = [...stopSignals, 'SIGHUP'] as const
  const { log, close } = programLog('text')
  const stopped = untilStopped(
    (signal) => log.info('stopping; press Ctrl-C again to end at once', { event: 'stopping', signal }),
    signals,
  )
  const adminPort = await freeAdminPort()
  const lists = await Promise.all([
    startServers('static', counts.static, { DASHBOARD_URL: `http://127.0.0.1:${adminPort}/` }),
    startServers('dynamic', counts.dynamic),
    startServers('chat', traffic ? CHAT_SERVERS : 0),
  ])
  const servers = lists.flat()
  const processes = servers.map((server) => server.process)
  const warn: Warn = (...trouble) => log.warn(...trouble)
  const standardState = new StateDirectory(undefined, process.env, warn)
  const token = machineToken(standardState)
  const state = temporaryState(token, warn)
  try {
    const certificate = https ? await demoCertificate(standardState) : undefined
    const config = demoConfig(servers, { port, adminPort, stateDirectory: state.path, certificate })
    const accessLog = traffic ? ({ ...config.accessLog, format: 'off' } as const) : config.accessLog
    const balancer = await Balancer.start({ file: { ...config, accessLog }, log })
    const [listener] = balancer.listeners as [PortListener]
    const url = certificate === undefined ? `http://127.0.0.1:${listener.port}` : `https://localhost:${listener.port}`
    const endpoint = new URL(`http://127.0.0.1:${adminPort}`)
    const { path } = await dashboardLink({ endpoint, token: () => token })
    console.log(
      welcome({ url, dashboard: new URL(path, endpoint), servers, certificate, hasTraffic: traffic === true }),
    )
    const users = traffic ? [startTraffic(url, certificate?.ca)] : []
    await stopped
    // First, so that nothing is in flight.
    await Promise.all(users.map(end))
    await balancer.stop()
  } finally {
    await Promise.all(processes.map(end))
    rmSync(state.path, { recursive: true, force: true })
  }
  await close()
  process.exit()
}
