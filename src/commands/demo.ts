import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Command, Option } from 'commander'
import { labConfig } from '../config/lab.ts'
import { ListenerTls } from '../config/tls/listener-tls.ts'
import { Balancer } from '../control/balancer.ts'
import { StateDirectory } from '../control/state/state-directory.ts'
import { programLog } from '../observability/program-log.ts'
import { labServerModule } from '../program-files.ts'
import type { PortListener } from '../runtime/snapshot.ts'
import { type DemoCertificate, demoCertificate } from './demo-certificate.ts'
import { stopSignals, untilStopped } from './until-stopped.ts'
import { wholeNumber } from './whole-number.ts'

interface DemoOptions {
  readonly port: number
  readonly static: number
  readonly dynamic: number
  readonly https?: boolean
}

type Kind = 'static' | 'dynamic'

/** One of the lab's servers, running in a separate process. */
interface LabServer {
  readonly kind: Kind
  readonly name: string
  readonly address: string
  readonly process: ChildProcess
}

export function demoCommand(): Command {
  return new Command('demo')
    .summary('run the lab: its servers, and the load balancer in front')
    .description(
      'Starts static and dynamic servers and the load balancer in front of them, on loopback. Ctrl-C stops them all.',
    )
    .addOption(portOption())
    .option('--static <count>', 'how many static servers', wholeNumber(1, 50), 2)
    .option('--dynamic <count>', 'how many dynamic servers', wholeNumber(1, 50), 2)
    .option('--https', 'serve HTTPS, with a certificate of an authority of its own')
    .action(demo)
}

/** An empty variable counts as unset, as everywhere in Limpet. */
function portOption(): Option {
  const option = new Option('--port <port>', 'where to listen on 127.0.0.1').argParser(wholeNumber(0, 65_535))
  return (process.env.PORT ? option.env('PORT') : option).default(7777)
}

async function demo(options: DemoOptions): Promise<void> {
  // HUP means that the terminal was closed.
  const signals = [...stopSignals, 'SIGHUP'] as const
  const { log, close } = programLog('text')
  const stopped = untilStopped(
    (signal) => log.info('stopping; press Ctrl-C again to end at once', { event: 'stopping', signal }),
    signals,
  )
  const servers = await Promise.all([...several('static', options.static), ...several('dynamic', options.dynamic)])
  try {
    const state = new StateDirectory(undefined, process.env, (...trouble) => log.warn(...trouble))
    const certificate = options.https ? await demoCertificate(state) : undefined
    const balancer = await Balancer.start(configFor(servers, options.port, certificate), log)
    const [{ port }] = balancer.listeners as [PortListener]
    console.log(welcome(servers, port, certificate))
    await stopped
    await balancer.stop()
  } finally {
    await Promise.all(servers.map(end))
  }
  await close()
  process.exit()
}

function several(kind: Kind, count: number): Promise<LabServer>[] {
  return Array.from({ length: count }, (_, index) => start(kind, `${kind}-${index + 1}`))
}

async function start(kind: Kind, name: string): Promise<LabServer> {
  // In its own process group, so that Ctrl-C reaches only the balancer. It exits when its IPC channel closes.
  const child = fork(labServerModule(kind), {
    detached: true,
    execArgv: [...process.execArgv, '--disable-sigusr1'],
    env: { ...process.env, HOST: '127.0.0.1', PORT: '0', SERVER_NAME: name },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const [listening] = (await Promise.race([once(child, 'message'), deathOf(child, name)])) as [{ port: number }]
  return { kind, name, address: `127.0.0.1:${listening.port}`, process: child }
}

async function deathOf(child: ChildProcess, name: string): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`${name} ended with code ${code} before it listened`)
}

async function end(server: LabServer): Promise<void> {
  if (server.process.exitCode !== null || server.process.signalCode !== null) return
  const exit = once(server.process, 'exit')
  server.process.kill('SIGTERM')
  await exit
}

function configFor(servers: readonly LabServer[], port: number, certificate: DemoCertificate | undefined) {
  const addresses = (kind: Kind) => servers.filter((server) => server.kind === kind).map(({ address }) => address)
  const config = labConfig({
    STATIC_BACKEND: addresses('static').join(' '),
    DYNAMIC_BACKEND: addresses('dynamic').join(' '),
  })
  const tls = certificate && {
    tls: ListenerTls.parse({ certificates: [{ cert: certificate.cert, key: certificate.key }] }),
  }
  return { ...config, listeners: [{ address: '127.0.0.1', port, proxyProtocol: false, ...tls }] }
}

function trust({ ca }: DemoCertificate): string {
  return `Trust  ${ca}
       Chromium and Chrome: Settings, Privacy and security, Security, Manage certificates, import it as an authority.
       Firefox: Settings, Certificates, View Certificates, Authorities, Import.
       Its key is not kept, so it can vouch for nothing else. Remove it there when you are done.
`
}

function welcome(servers: readonly LabServer[], port: number, certificate: DemoCertificate | undefined): string {
  const url = certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`
  const rows = servers.map(({ kind, name, address }) => {
    const serves = kind === 'static' ? '/                sticky by address' : '/api/student     in turn'
    return `  ${name.padEnd(12)} http://${address.padEnd(18)} ${serves}`
  })
  return `
Limpet is running the lab.

${rows.join('\n')}
  limpet       ${url}

Open   ${url}/
Try    curl -i ${certificate === undefined ? '' : `--cacert ${certificate.ca} `}${url}/api/student
${certificate === undefined ? '' : trust(certificate)}Stop   Ctrl-C

The access log follows: client, request, status, then the server that got it, its status, seconds, and why.
`
}
