import { Agent, type RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import type { KubernetesSource } from '../../config/sources/kubernetes.ts'
import { hostPort } from '../host-port.ts'
import { secretIn, sourceFile } from '../source-file.ts'

/** Where the API of Kubernetes is, and how to ask it. */
export interface Credentials {
  readonly server: string
  /** The namespace of the one who asks. */
  readonly namespace: string
  /** Options of a request, with a token or a certificate in them. */
  options(): Promise<RequestOptions>
  /** Reads them again. */
  renew(): Promise<void>
  close(): void
}

/** What a process finds around it. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv
  /** The folder that Kubernetes gives each pod. */
  readonly serviceAccount: string
}

const ownSurroundings: Surroundings = {
  env: process.env,
  serviceAccount: '/var/run/secrets/kubernetes.io/serviceaccount',
}

/** @throws Error where there are none, or they cannot be read */
export async function credentialsFor(
  { kubeconfig, context }: KubernetesSource,
  { env, serviceAccount } = ownSurroundings,
): Promise<Credentials> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env
  if (kubeconfig === undefined && context === undefined && host !== undefined && host !== '')
    return new ServiceAccount(`https://${hostPort(host, Number(port))}`, serviceAccount)
  return KubeconfigUser.load(kubeconfig, context)
}

/** Those of the pod: three files. They need no library, so that an image with Limpet has all that it needs in a cluster. */
class ServiceAccount implements Credentials {
  readonly server: string
  readonly namespace: string
  readonly #folder: string
  #agent: Agent

  constructor(server: string, folder: string) {
    this.server = server
    this.#folder = folder
    this.namespace = sourceFile(`${folder}/namespace`).trim()
    this.#agent = this.#newAgent()
  }

  /** Kubernetes replaces the token once an hour, so it is read for each request. */
  async options(): Promise<RequestOptions> {
    return { agent: this.#agent, headers: { Authorization: `Bearer ${secretIn(`${this.#folder}/token`)}` } }
  }

  async renew(): Promise<void> {
    this.#agent.destroy()
    this.#agent = this.#newAgent()
  }

  close(): void {
    this.#agent.destroy()
  }

  #newAgent(): Agent {
    return new Agent({ keepAlive: true, keepAliveMsecs: 15_000, ca: sourceFile(`${this.#folder}/ca.crt`) })
  }
}

/** Those of a context in a kubeconfig: tokens, certificates, programs and providers, as kubectl knows them. */
class KubeconfigUser implements Credentials {
  readonly #load: () => Promise<KubeConfig>
  #config: KubeConfig
  #agent: Agent | undefined

  private constructor(load: () => Promise<KubeConfig>, config: KubeConfig) {
    this.#load = load
    this.#config = config
  }

  static async load(file: string | undefined, context: string | undefined): Promise<KubeconfigUser> {
    const load = () => kubeconfigWith(file, context)
    return new KubeconfigUser(load, await load())
  }

  get server(): string {
    return this.#config.getCurrentCluster()!.server
  }

  get namespace(): string {
    return this.#config.getContextObject(this.#config.getCurrentContext())?.namespace ?? 'default'
  }

  async options(): Promise<RequestOptions> {
    const options: RequestOptions = {}
    await this.#config.applyToHTTPSOptions(options)
    this.#agent = options.agent as Agent
    return options
  }

  async renew(): Promise<void> {
    this.close()
    this.#config = await this.#load()
  }

  close(): void {
    this.#agent?.destroy()
  }
}

async function kubeconfigWith(file: string | undefined, context: string | undefined): Promise<KubeConfig> {
  const config = new (await library()).KubeConfig()
  try {
    if (file === undefined) config.loadFromDefault()
    else config.loadFromFile(file)
  } catch (error) {
    throw new Error(`the kubeconfig ${file ?? 'of KUBECONFIG'} cannot be read: ${(error as Error).message}`)
  }
  if (context !== undefined && config.getContextObject(context) === null) {
    const known = config.getContexts().map(({ name }) => name)
    throw new Error(`the kubeconfig has no context ${context}, only ${known.join(', ') || 'none at all'}`)
  }
  if (context !== undefined) config.setCurrentContext(context)
  if (config.getCurrentCluster() === null)
    throw new Error('the kubeconfig has no current context with a cluster: name one of its contexts as context')
  return config
}

/** It has 60 MB, and only a kubeconfig needs it. */
async function library() {
  try {
    return await import('@kubernetes/client-node')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error('a kubeconfig needs the package @kubernetes/client-node: npm install @kubernetes/client-node')
  }
}
