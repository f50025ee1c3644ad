import { z } from 'zod'

/** What the API of a manager answers, as far as it is used: https://docs.docker.com/reference/api/engine/ */

const texts = z.record(z.string(), z.string()).nullish()

const Services = z.array(
  z.object({
    ID: z.string(),
    UpdatedAt: z.string(),
    Spec: z.object({ Name: z.string(), Labels: texts }),
    Endpoint: z
      .object({
        Ports: z.array(z.object({ Protocol: z.string().nullish(), TargetPort: z.number() })).nullish(),
      })
      .nullish(),
    UpdateStatus: z.object({ State: z.string().nullish() }).nullish(),
  }),
)

const Tasks = z.array(
  z.object({
    ID: z.string(),
    CreatedAt: z.string(),
    ServiceID: z.string().nullish(),
    /** Its number in the service; absent in a global one, which has one task a node. */
    Slot: z.number().nullish(),
    NodeID: z.string().nullish(),
    DesiredState: z.string(),
    Spec: z.object({ ContainerSpec: z.object({ Env: z.array(z.string()).nullish() }).nullish() }).nullish(),
    Status: z.object({
      State: z.string(),
      Timestamp: z.string().nullish(),
      PortStatus: z
        .object({
          Ports: z
            .array(
              z.object({
                Protocol: z.string().nullish(),
                TargetPort: z.number(),
                PublishedPort: z.number().nullish(),
                PublishMode: z.string().nullish(),
              }),
            )
            .nullish(),
        })
        .nullish(),
    }),
    NetworksAttachments: z
      .array(
        z.object({
          Network: z
            .object({ Spec: z.object({ Name: z.string(), Ingress: z.boolean().nullish() }).nullish() })
            .nullish(),
          Addresses: z.array(z.string()).nullish(),
        }),
      )
      .nullish(),
  }),
)

const Nodes = z.array(
  z.object({
    ID: z.string(),
    Description: z.object({ Hostname: z.string().nullish() }).nullish(),
    Status: z.object({ State: z.string().nullish(), Addr: z.string().nullish() }).nullish(),
    ManagerStatus: z.object({ Addr: z.string().nullish() }).nullish(),
  }),
)

export type Service = z.output<typeof Services>[number]
export type Task = z.output<typeof Tasks>[number]
export type Node = z.output<typeof Nodes>[number]

/** All that a manager knows at one moment. */
export interface SwarmState {
  readonly services: readonly Service[]
  readonly tasks: readonly Task[]
  readonly nodes: readonly Node[]
}

/** @throws Error where the answers are not what a manager answers */
export function swarmState(services: unknown, tasks: unknown, nodes: unknown): SwarmState {
  return {
    services: readAs(Services, services, '/services'),
    tasks: readAs(Tasks, tasks, '/tasks'),
    nodes: readAs(Nodes, nodes, '/nodes'),
  }
}

function readAs<Schema extends z.ZodType>(schema: Schema, answer: unknown, path: string): z.output<Schema> {
  const read = schema.safeParse(answer)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw new Error(`its answer to ${path} is not what a Docker engine answers, at ${issue?.path.join('.')}`)
}

/** Whether something is on its way, so that the tasks will change soon: of those on other nodes, no event tells. */
export function isChanging({ services, tasks }: SwarmState): boolean {
  return (
    services.some(({ UpdateStatus }) => /^(?:updating|rollback_started)$/.test(UpdateStatus?.State ?? '')) ||
    tasks.some(({ DesiredState, Status }) => isAlive(Status.State) && DesiredState !== Status.State)
  )
}

/** Whether the task has, or will have, a container that runs. */
export function isAlive(state: string): boolean {
  return isStarting(state) || state === 'running'
}

export function isStarting(state: string): boolean {
  return ['new', 'pending', 'assigned', 'accepted', 'preparing', 'ready', 'starting'].includes(state)
}
