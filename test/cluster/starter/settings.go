package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// Addresses live in a network namespace of the cluster's own, so every cluster has the same.
const (
	nodeName            = "node"
	nodeAddress         = "192.168.77.2"
	peerAddress         = "192.168.77.1"
	firstServiceAddress = "10.96.0.1"
	serviceRange        = "10.96.0.0/16"
	podRange            = "10.244.0.0/22"
	apiPort             = 6443
	pauseImage          = "localhost/fairlead/pause:1"
	// Where things are inside.
	etc           = "/etc/kubernetes"
	partsFolder   = "/parts"
	containerdRun = "/run/containerd/containerd.sock"
)

func base64Of(bytes []byte) string { return base64.StdEncoding.EncodeToString(bytes) }

// writeSettings writes what the parts read, as it will stand at /etc/kubernetes.
func writeSettings(folder string, port int) error {
	credentials := filepath.Join(folder, "credentials")
	if err := makeCredentials(credentials); err != nil {
		return err
	}
	inside := fmt.Sprintf("https://%s:%d", nodeAddress, apiPort)
	for _, user := range []string{"controller-manager", "scheduler", "proxy", "kubelet", "admin"} {
		bytes, err := kubeconfig(credentials, user, inside)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, user+".kubeconfig"), bytes, 0o600); err != nil {
			return err
		}
	}
	files := map[string]string{
		"kubelet.yaml":    kubeletSettings,
		"proxy.yaml":      proxySettings,
		"containerd.toml": containerdSettings,
		"cni.conflist":    networkSettings,
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	bytes, err := kubeconfig(credentials, "admin", fmt.Sprintf("https://127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "..", "kubeconfig"), bytes, 0o600)
}

// component is one program of the cluster, restarted when it ends.
type component struct {
	name string
	argv []string
	// needsApi is started once the API answers; before that it would only fail.
	needsApi bool
}

func components() []component {
	kubernetes := filepath.Join(partsFolder, "kubernetes")
	of := func(name string) string { return filepath.Join(etc, name+".kubeconfig") }
	secret := func(name string) string { return filepath.Join(etc, "credentials", name) }
	return []component{
		{name: "etcd", argv: []string{
			"/usr/bin/etcd", "--data-dir=/var/lib/etcd", "--unsafe-no-fsync", "--log-level=warn", "--logger=zap",
			"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
			"--initial-cluster=default=http://127.0.0.1:2380",
		}},
		{name: "containerd", argv: []string{"/usr/bin/containerd", "--config", filepath.Join(etc, "containerd.toml")}},
		{name: "apiserver", argv: []string{
			kubernetes, "apiserver",
			"--etcd-servers=http://127.0.0.1:2379",
			"--bind-address=" + nodeAddress, "--advertise-address=" + nodeAddress, fmt.Sprintf("--secure-port=%d", apiPort),
			"--service-cluster-ip-range=" + serviceRange,
			"--authorization-mode=Node,RBAC", "--allow-privileged=true", "--enable-admission-plugins=NodeRestriction",
			"--client-ca-file=" + secret("ca.crt"),
			"--tls-cert-file=" + secret("apiserver.crt"), "--tls-private-key-file=" + secret("apiserver.key"),
			"--kubelet-client-certificate=" + secret("apiserver-client.crt"), "--kubelet-client-key=" + secret("apiserver-client.key"),
			"--kubelet-certificate-authority=" + secret("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file=" + secret("accounts.key"), "--service-account-signing-key-file=" + secret("accounts.key"),
		}},
		{name: "controller-manager", needsApi: true, argv: []string{
			kubernetes, "controller-manager", "--kubeconfig=" + of("controller-manager"), "--leader-elect=false",
			"--use-service-account-credentials", "--root-ca-file=" + secret("ca.crt"),
			"--service-account-private-key-file=" + secret("accounts.key"), "--service-cluster-ip-range=" + serviceRange,
			"--secure-port=0",
		}},
		{name: "scheduler", needsApi: true, argv: []string{
			kubernetes, "scheduler", "--kubeconfig=" + of("scheduler"), "--leader-elect=false", "--secure-port=0",
		}},
		{name: "kubelet", needsApi: true, argv: []string{
			kubernetes, "kubelet", "--kubeconfig=" + of("kubelet"), "--config=" + filepath.Join(etc, "kubelet.yaml"),
			"--hostname-override=" + nodeName, "--node-ip=" + nodeAddress,
		}},
		{name: "proxy", needsApi: true, argv: []string{kubernetes, "proxy", "--config=" + filepath.Join(etc, "proxy.yaml")}},
	}
}

// Eviction near zero: the machine is shared with others whose memory and disk are none of the cluster's business.
const kubeletSettings = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: /etc/kubernetes/credentials/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: /etc/kubernetes/credentials/kubelet-serving.crt
tlsPrivateKeyFile: /etc/kubernetes/credentials/kubelet-serving.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: true
evictionHard: {memory.available: 1Mi, nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
resolvConf: /etc/resolv.conf
maxPods: 600
healthzBindAddress: 127.0.0.1
nodeStatusUpdateFrequency: 5s
serializeImagePulls: false
shutdownGracePeriod: 0s
`

// Limits of connection tracking are the machine's, not the cluster's: 0 leaves them alone.
const proxySettings = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: node
clusterCIDR: 10.244.0.0/22
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {kubeconfig: /etc/kubernetes/proxy.kubeconfig}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
`

// CAP_SYS_RESOURCE may be missing: a negative oom_score_adj would then fail.
const containerdSettings = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pauseImage + `"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/run/registries"
`

const networkSettings = `{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true, "promiscMode": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/22"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}
`
