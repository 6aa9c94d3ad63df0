package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
	folder      string
}

// makeCredentials writes a CA, what it signed for each part, and the keys of service accounts.
func makeCredentials(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test cluster"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(7 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	bytes, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	certificate, err := x509.ParseCertificate(bytes)
	if err != nil {
		return err
	}
	ca := &authority{certificate: certificate, key: key, serial: 1, folder: folder}
	if err := writePem(filepath.Join(folder, "ca.crt"), "CERTIFICATE", bytes); err != nil {
		return err
	}
	names := []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	addresses := []net.IP{net.ParseIP("127.0.0.1"), net.ParseIP(nodeAddress), net.ParseIP(firstServiceAddress)}
	if err := ca.issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, names, addresses); err != nil {
		return err
	}
	if err := ca.issue("kubelet-serving", pkix.Name{CommonName: nodeName}, []string{nodeName}, addresses[:2]); err != nil {
		return err
	}
	for name, subject := range map[string]pkix.Name{
		"admin":              {CommonName: "admin", Organization: []string{"system:masters"}},
		"apiserver-client":   {CommonName: "apiserver", Organization: []string{"system:masters"}},
		"controller-manager": {CommonName: "system:kube-controller-manager"},
		"scheduler":          {CommonName: "system:kube-scheduler"},
		"proxy":              {CommonName: "system:kube-proxy"},
		"kubelet":            {CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}},
	} {
		if err := ca.issue(name, subject, nil, nil); err != nil {
			return err
		}
	}
	accounts, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return writeKey(filepath.Join(folder, "accounts.key"), accounts)
}

func (ca *authority) issue(name string, subject pkix.Name, names []string, addresses []net.IP) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(ca.serial),
		Subject:      subject,
		NotBefore:    ca.certificate.NotBefore,
		NotAfter:     ca.certificate.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:     names,
		IPAddresses:  addresses,
	}
	bytes, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return err
	}
	if err := writePem(filepath.Join(ca.folder, name+".crt"), "CERTIFICATE", bytes); err != nil {
		return err
	}
	return writeKey(filepath.Join(ca.folder, name+".key"), key)
}

func writeKey(file string, key crypto.PrivateKey) error {
	bytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePem(file, "PRIVATE KEY", bytes)
}

func writePem(file, kind string, bytes []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600)
}

// kubeconfig for one user, everything embedded, so that the file may be copied anywhere.
func kubeconfig(credentials, user, server string) ([]byte, error) {
	encoded := map[string]string{}
	for _, name := range []string{"ca.crt", user + ".crt", user + ".key"} {
		bytes, err := os.ReadFile(filepath.Join(credentials, name))
		if err != nil {
			return nil, err
		}
		encoded[name] = base64Of(bytes)
	}
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: {server: "%s", certificate-authority-data: %s}
contexts:
- name: test
  context: {cluster: test, user: %s}
users:
- name: %s
  user: {client-certificate-data: %s, client-key-data: %s}
`, server, encoded["ca.crt"], user, user, encoded[user+".crt"], encoded[user+".key"]), nil
}
