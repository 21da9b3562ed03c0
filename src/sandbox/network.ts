import { SOCKET } from "../linux/constants.ts";
import { ID_RANGE_SIZE, type Identity } from "./identity.ts";
import { flags, slot, type Step, step, writeSetting } from "./step.ts";

/** struct ifreq: a name of 16 bytes, then the flags; 40 bytes in all on 64-bit Linux. */
function ifreq(name: string, interfaceFlags: number): Uint8Array {
  const bytes = Buffer.alloc(40);
  bytes.write(name, "latin1");
  bytes.writeUInt16LE(interfaceFlags, 16);
  return bytes;
}

/**
 * Settles a network namespace of the job's own, after its /proc is mounted: loopback up, low ports and ping for
 * everybody in it. The namespace belongs to the initial user namespace, where the job has no capability, so
 * CAP_NET_BIND_SERVICE and CAP_NET_RAW would mean nothing; ping_group_range takes the host's group ids.
 */
export function planLoopback(identity: Identity): Step[] {
  const last = identity.firstId + ID_RANGE_SIZE - 1;
  return [
    step("open a socket", "socket", [flags("AF_INET"), flags("SOCK_DGRAM", "SOCK_CLOEXEC"), 0]),
    step("bring up loopback", "ioctl", [
      slot("opened"),
      flags("SIOCSIFFLAGS"),
      { struct: "ifreq lo IFF_UP", bytes: ifreq("lo", SOCKET.IFF_UP) },
    ]),
    step("close", "close", [slot("opened")]),
    ...writeSetting("open low ports", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"),
    ...writeSetting("allow ping", "/proc/sys/net/ipv4/ping_group_range", `${identity.firstId} ${last}`),
  ];
}
