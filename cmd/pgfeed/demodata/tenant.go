package demodata

// Tenant is one customer of the demo application.
type Tenant struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Users []User `json:"users"`
}

// User is one person who can log in to a tenant of the demo.
type User struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Tenants gives the demo's two tenants.
func Tenants() []Tenant {
	return []Tenant{
		{ID: "acme", Name: "Acme", Users: []User{{ID: "ada", Name: "Ada Lovelace"}, {ID: "grace", Name: "Grace Hopper"}}},
		{ID: "globex", Name: "Globex", Users: []User{{ID: "noor", Name: "Noor Haddad"}, {ID: "mateo", Name: "Mateo Ruiz"}}},
	}
}
